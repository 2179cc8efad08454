import Domain
import Ledger
import Storage
import TestKit
import Testing

@testable import BetIngest

/// Tests of `events.log`: its chain, and what a crash leaves of it.
struct DrawEventsTests {
    private let data = DataFolder("/data")

    private func disk() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        try disk.makeFolder("/data")
        return disk
    }

    private func event(_ kind: DrawEvent.Kind, _ draw: String = "default") -> DrawEvent {
        DrawEvent(kind, draw: DrawID(draw), time: Instant(milliseconds: 1_763_676_675_000), by: "ana")
    }

    @Test("each line holds the hash of the line before; a changed, removed or inserted line breaks the chain")
    func chain() throws {
        let disk = try disk()
        let events = try DrawEvents(data, on: disk)
        for kind in [DrawEvent.Kind.opened, .sealed, .numberKnown, .drawn] { try events.append(event(kind)) }
        let bytes = try #require(disk.bytes(data.events))
        #expect(try EventChain(bytes, path: "e").events.map(\.event) == [.opened, .sealed, .numberKnown, .drawn])
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        func broken(_ lines: [String]) -> String {
            do throws(EventsFault) {
                _ = try EventChain(Array((lines.joined(separator: "\n") + "\n").utf8), path: "e")
                return "whole"
            } catch {
                return error.description
            }
        }
        #expect(broken(lines) == "whole")
        #expect(
            broken([lines[0], lines[1].replacing("ana", with: "eva"), lines[2], lines[3]]).hasPrefix("e:3: the chain"))
        #expect(broken([lines[0], lines[2], lines[3]]).hasPrefix("e:2: the chain is broken"))
        #expect(broken([lines[0], lines[0], lines[1]]).hasPrefix("e:2: the chain is broken"))
        #expect(broken([lines[0], "{}", lines[1]]).hasPrefix("e:2: the line is not an event"))
        // Only an auditor who has noted the last hash notices that lines were cut off.
        #expect(broken(Array(lines.dropLast())) == "whole")
    }

    @Test("after a crash at any call the log has the event whole or not at all, and takes more", arguments: 0..<8)
    func crash(_ cut: Int) throws {
        for loss in SimulatedDisk.PowerLoss.allCases + (1...8).map({ .random(seed: $0) }) {
            let disk = try disk()
            let events = try DrawEvents(data, on: disk)
            try events.append(event(.opened))
            disk.setPlan { $0.index == cut ? .failsAndIsNotPersisted(errno: 5) : nil }
            let failed = Result { try events.append(event(.sealed)) }
            disk.losePower(loss)
            let again = try DrawEvents(data, on: disk)
            #expect(again.has(.opened, of: Samples.draw))
            if case .success = failed { #expect(again.has(.sealed, of: Samples.draw), "\(loss)") }
            try again.append(event(.drawn))
            let chain = try EventChain(try #require(disk.bytes(data.events)), path: "e")
            #expect(chain.events.count == (again.has(.sealed, of: Samples.draw) ? 3 : 2), "\(cut) \(loss)")
        }
    }

    @Test(
        "what a restart has read is durable, whatever the process before it left in the page cache",
        arguments: ["write", "sync", "syncFolder"], [0, 1])
    func readIsDurable(_ call: String, _ earlier: Int) throws {
        let disk = try disk()
        let events = try DrawEvents(data, on: disk)
        for _ in 0..<earlier { try events.append(event(.opened)) }
        disk.setPlan { $0.name == call ? .failsAndIsNotPersisted(errno: 5) : nil }
        _ = Result { try events.append(event(.sealed)) }
        disk.setPlan { _ in nil }
        let restarted = try DrawEvents(data, on: disk)
        disk.losePower(.losesUnsynced)
        let again = try DrawEvents(data, on: disk)
        #expect(again.has(.sealed, of: Samples.draw) == restarted.has(.sealed, of: Samples.draw))
        #expect(again.has(.opened, of: Samples.draw) == (earlier == 1))
    }

    @Test("a restart remembers the events of draws that are not published, and which draw lacks its last one")
    func remembers() throws {
        let disk = try disk()
        let events = try DrawEvents(data, on: disk)
        for name in ["a", "b"] {
            for kind in [DrawEvent.Kind.opened, .sealed, .drawn] { try events.append(event(kind, name)) }
        }
        try events.append(event(.published, "a"))
        var void = event(.void, "c")
        void.reason = #"a trap: "event":"published","draw":"b" "#
        try events.append(void)
        let again = try DrawEvents(data, on: disk)
        #expect(again.unpublished.map(\.name) == ["b"])
        let (a, c) = (try #require(DrawID("a")), try #require(DrawID("c")))
        #expect(again.has(.void, of: c) && !again.has(.opened, of: a))
        #expect(again.lastTime == Instant(milliseconds: 1_763_676_675_000))
    }

    @Test("an event is printed for people with the facts that it has")
    func text() {
        var sealed = event(.sealed)
        sealed.reason = "cut-off"
        sealed.bets = 9
        sealed.finished = 1
        sealed.unfinished = [AgencyID(2)]
        sealed.unfinishedCount = 1
        sealed.absent = []
        sealed.absentCount = 0
        #expect(
            sealed.text
                == "2025-11-20T22:11:15.000Z  default  sealed: by ana, cut-off, 9 bets, 1 finished, 1 unfinished: 2")
        #expect(event(.published).text == "2025-11-20T22:11:15.000Z  default  published: by ana")
    }
}
