import Control
import Domain
import Foundation
import Glibc
import Ledger
import Platform
import Shell
import Storage
import TestKit
import Testing
import WireProtocol

/// Days of several draws, with real processes.
struct DrawDayTests {
    private static let isFull = ProcessInfo.processInfo.environment["FAULTS"] == "full"

    @Test("a day of draws with kills in between: late list and ledger together have everything that was answered")
    func killedDay() throws {
        let day = try LotteryDay(
            agencies: 3,
            [
                .init(name: "previa", opens: -1, closes: 4), .init(name: "primera", opens: 1, closes: 7),
                .init(name: "nocturna", opens: 3, closes: 10),
            ])
        let names = ["previa", "primera", "nocturna"]
        let senders = try names.flatMap { name in try (1...2).map { PersistentSender($0, try day.id(name)) } }
        let deadline = ContinuousClock.now + .seconds(60)
        var nextKill = ContinuousClock.now + .seconds(1)
        func isOver() throws -> Bool { try names.allSatisfy { try DrawState.isFinal(day.draws($0), on: PosixDisk()) } }
        while try !isOver() || senders.contains(where: { $0.late.isEmpty }) {
            guard ContinuousClock.now < deadline else {
                Issue.record("the draws are not over: \(day.ingest.log)")
                return
            }
            for sender in senders { sender.step(day) }
            if ContinuousClock.now > nextKill {
                try day.killAndRestart()
                nextKill = .now + .seconds(2)
            }
        }
        try day.stop()
        for sender in senders { try check(sender, day) }
        for name in names {
            let folder = try day.draws(name)
            let verified = try day.command(["verify", "--draw", folder.draw.name])
            #expect(verified.code == 0, "\(verified.errors)")
            #expect(verified.output.contains("drawn again from the ledger with the same outcome"))
            let result = try DrawResult(
                fileBytes: try #require(try DurableFile.read(folder.result, on: PosixDisk())))
            #expect(result.seal?.reason == .cutOff && result.seal?.absent == [AgencyID(3)])
            let settled = try day.command(["draw", "settle", folder.draw.name])
            #expect(settled.code == 0 && settled.output.contains("3,absent,0,0,0,0,0"), "\(settled)")
        }
        let events = try day.command(["events", "--verify"])
        #expect(events.code == 0 && events.output.contains("events, valid, last hash"), "\(events.errors)")
        let log = try day.command(["events"]).output
        for name in names {
            for kind in ["opened", "sealed", "drawn", "published"] {
                let lines = log.split(separator: "\n").filter { $0.contains("-\(name)  \(kind)") }
                #expect(lines.count == 1, "\(name) \(kind): \(lines)")
            }
        }
    }

    private func check(_ sender: PersistentSender, _ day: LotteryDay) throws {
        let folder = DrawFolder(data: day.data, draw: sender.draw)
        let contents = try LedgerContents(reading: folder.ledger, on: PosixDisk())
        let standing = contents.standings[AgencyID(UInt32(sender.agency))]
        let place = "\(sender.draw), agency \(sender.agency)"
        #expect(sender.acknowledged == Array(1..<standing.nextSequence), "\(place)")
        let late = LateList.read(try DurableFile.read(folder.late, on: PosixDisk()) ?? []).list
        #expect(sender.late == [standing.nextSequence], "\(place): the next chunk, and no other, is late")
        #expect(late.counts[AgencyID(UInt32(sender.agency))] == LateList.Count(chunks: 1, bets: 3), "\(place)")
    }

    @Test("a chunk whose last byte arrives a millisecond around the cut-off: the answer and the ledger agree each time")
    func lastByte() throws {
        let day = try LotteryDay(agencies: 2, [.init(name: "far", opens: 1000, closes: 2000)])
        let count = Self.isFull ? 1000 : 60
        var (inTime, late) = (0, 0)
        // Load: another draw takes chunks all the time.
        let other = try #require(DrawID("load"))
        guard case .ok = try day.ask(.open(other, cutOff: nil, number: .configured)) else {
            Issue.record("the draw was not opened")
            return
        }
        let file = day.folder.path + "/load.csv"
        let rows = (0..<400_000).map { "Ana,Lorca,\(30_000_000 + $0),1999-03-17,\($0 % 10_000)\r\n" }
        try rows.joined().write(toFile: file, atomically: true, encoding: .utf8)
        let load = try TestProgram(
            "agency",
            ["--id", "1", "--file", file, "--draw", other.name, "--set", "ingest.address=\(day.ingestAddress)"],
            in: day.folder.path)
        try load.waitForLog("apuesta_enviada")
        var lead: UInt64 = 120
        var index = -1
        while inTime + late < count {
            index += 1
            let draw = try #require(DrawID("draw-\(index)"))
            let cutOff = Instant(milliseconds: SystemCall.unixMilliseconds() + lead)
            guard case .ok = try day.ask(.open(draw, cutOff: cutOff, number: .configured)),
                let (socket, _) = day.join(2, draw)
            else {
                // The machine was too slow to open the draw and join it before its cut-off.
                lead *= 2
                guard lead < 10_000 else { throw TestProgram.Failure.deadline("a draw to join", log: day.ingest.log) }
                continue
            }
            let bytes = Message.chunk(Samples.chunk(agency: 2, sequence: 1)).encoded
            try socket.send(Array(bytes.dropLast()))
            let target = cutOff.milliseconds - (index % 2 == 0 ? 1 : 0)
            while SystemCall.unixMilliseconds() < target {}  // a millisecond is too short to wait for
            try socket.send(Array(bytes.suffix(1)))
            let isStored: Bool
            switch try socket.receiveMessage() {
            case .chunkProcessed: isStored = true
            case .chunkRejected(let rejected):
                #expect(rejected.code == .drawClosed && rejected.message.contains("\(cutOff)"))
                isStored = false
            case let other:
                Issue.record("draw \(index): \(other)")
                return
            }
            let folder = DrawFolder(data: day.data, draw: draw)
            let contents = try LedgerContents(reading: folder.ledger, on: PosixDisk())
            let isListed =
                LateList.read(try DurableFile.read(folder.late, on: PosixDisk()) ?? []).list.total.chunks == 1
            #expect(contents.standings.storedBets == (isStored ? 3 : 0) && isListed != isStored, "draw \(index)")
            if isStored { inTime += 1 } else { late += 1 }
        }
        load.signal(SIGKILL)
        _ = try load.waitForExit()
        try writeOutput("the last byte: \(inTime) in time, \(late) late")
        #expect(late > 0 && inTime + late == count)
        try day.stop()
    }

    @Test("a restart past a cut-off seals the draw before a port opens, and the events say how late")
    func pastCutOff() throws {
        let day = try LotteryDay(agencies: 1, [.init(name: "una", opens: -1, closes: 3, number: .entered)])
        let (socket, _) = try #require(day.join(1, try day.id("una")))
        try socket.send(.chunk(Samples.chunk(agency: 1, sequence: 1)))
        _ = try socket.receiveMessage()
        day.ingest.signal(SIGKILL)
        _ = try day.ingest.waitForExit()
        let cutOff = try #require(try DrawTerms(in: day.draws("una"), on: PosixDisk())?.cutOff)
        _ = Monitor(()).wait(
            until: .now + .milliseconds(Int(cutOff.milliseconds + 1100 - SystemCall.unixMilliseconds()))
        ) { _ in Bool?.none }
        try day.killAndRestart()
        let contents = try LedgerContents(reading: try day.draws("una").ledger, on: PosixDisk())
        #expect(contents.standings.seal?.reason == .cutOff && contents.standings.seal?.bets == 3)
        try day.ingest.waitForLog("reason: cut-off | unfinished: 1 | absent: 0")
        try day.ingest.waitForLog("action: number | result: in_progress")
        #expect(try day.command(["events"]).output.contains("ms after the cut-off"))
        #expect(try day.command(["draws"]).code == 75, "a sealed draw waits for its number")
        try day.stop()
    }

    @Test("a start reads no ledger of a final draw")
    func finishedDraws() throws {
        let folder = try TemporaryFolder()
        let draws = folder.path + "/data/draws"
        for index in 0..<200 {
            let path = "\(draws)/2020-01-01-d\(index)"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            for name in ["bets.ledger", "terms.json"]
                + (index % 2 == 0 ? ["result.json"] : ["void.json", "refunds.csv"])
            {
                // A service that reads it reports damage.
                try "damaged".write(toFile: "\(path)/\(name)", atomically: false, encoding: .utf8)
            }
        }
        let ingest = try TestProgram.start(.ingest, data: folder.path + "/data", agencies: 1, in: folder.path)
        _ = try ingest.waitForAddress()
        ingest.signal(SIGTERM)
        #expect(try ingest.waitForExit() == 0, "\(ingest.log)")
    }
}
