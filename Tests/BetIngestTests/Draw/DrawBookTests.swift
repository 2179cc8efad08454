import Domain
import Ledger
import NIOConcurrencyHelpers
import Shell
import Storage
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// Tests of the draws' lifecycles: each state, each restart, each command.
struct DrawBookTests {
    private static let start: UInt64 = 1_763_676_675_000
    private static let id = DrawID("2025-11-20-nocturna") ?? Samples.draw

    /// A service on a simulated disk, stepped by the test.
    private final class Service {
        let disk: SimulatedDisk
        let core: IngestCore
        let inbox = MainInbox()
        let clock: DrawClock
        var book: DrawBook
        let replies = NIOLockedValueBox<[String]>([])

        init(disk: SimulatedDisk, time: NIOLockedValueBox<UInt64>, settings: [String: String] = [:]) throws {
            self.disk = disk
            let flags = ["agencies": "2", "data": "/data", "calendar": "c.yaml"].merging(settings) { $1 }
            let configuration = try ServiceConfiguration(flags: flags, environment: [:], file: nil)
            try disk.makeFolder("/data/draws")
            core = IngestCore(configuration: configuration, clock: { time.withLockedValue { $0 } }, log: .silent)
            clock = DrawClock(draws: core.desk.draws, inbox: inbox, clock: { time.withLockedValue { $0 } })
            book = try DrawBook.of(
                configuration, core, on: disk, inbox: inbox, clock: { time.withLockedValue { $0 } })
            _ = try book.recover { 77 }
        }

        /// Commits, and handles every event.
        func settle() throws {
            for _ in 0..<20 {
                clock.tick()
                for draw in core.desk.draws.all { _ = draw.committer.commitStaged() }
                guard let event = inbox.takeNextEvent() else { continue }
                if case .failed(let error) = event { throw error }
                try book.handle(event)
            }
        }

        func command(_ action: OperatorCommand.Action, by user: String = "ana") throws -> String {
            let replies = replies
            inbox.post(
                .command(
                    OperatorCommand(action: action, user: user) { outcome in
                        let text =
                            switch outcome {
                            case .success(let text): text
                            case .failure(let fault): "rejected: \(fault)"
                            }
                        replies.withLockedValue { $0.append(text) }
                    }))
            try settle()
            return replies.withLockedValue { $0.last } ?? ""
        }

        /// Stores one chunk of an agency.
        func send(_ agency: UInt32, _ sequence: UInt32, isLast: Bool = false, to draw: DrawID) throws -> String {
            let sink = RecordingSink()
            let open = try #require(core.desk.draws.all.first { $0.id == draw })
            let connection = IngestConnection(
                peer: "test", port: IngestPort(book.configuration, dialect: nil, desk: core.desk), answers: sink)
            open.committer.stage(.join(AgencyID(agency), version: 3), from: connection)
            let chunk = Samples.chunk(agency: Int(agency), sequence: sequence, isLast: isLast)
            open.committer.stage(.chunk(CheckedChunk(chunk, fault: nil), AgencyID(agency)), from: connection)
            _ = open.committer.commitStaged()
            return sink.summary.last ?? ""
        }

        func state(_ draw: DrawID) -> DrawState? { book[draw]?.state }

        var events: [String] {
            get throws {
                try EventChain(disk.bytes("/data/events.log") ?? [], path: "e").events.map(\.event.rawValue)
            }
        }
    }

    private static func opening(_ number: DrawTerms.NumberSource, cutOff: UInt64? = 60_000) -> DrawOpening {
        DrawOpening(
            draw: id, opens: Instant(milliseconds: start), cutOff: cutOff.map { Instant(milliseconds: start + $0) },
            number: number, by: "calendar")
    }

    private let disk = SimulatedDisk()
    private let time = NIOLockedValueBox<UInt64>(start)
    private var folder: DrawFolder { DrawFolder(data: "/data", draw: Self.id) }

    private func service(_ settings: [String: String] = [:]) throws -> Service {
        try Service(disk: disk, time: time, settings: settings)
    }

    private func pass(_ milliseconds: UInt64) { time.withLockedValue { $0 += milliseconds } }

    @Test("a draw closes at its cut-off without its agencies, waits for the number, and takes it from two entries")
    func entered() throws {
        let service = try service()
        try service.book.open(Self.opening(.entered))
        #expect(try service.send(1, 1, to: Self.id) == "ok 1")
        #expect(try service.command(.enterNumber(Self.id, 5)).contains("is open: the number is entered after"))
        pass(60_000)
        try service.settle()
        #expect(service.state(Self.id) == .sealed && disk.bytes(folder.number) == nil)
        #expect(try service.send(1, 2, to: Self.id) == "no 2 drawClosed")
        #expect(try service.command(.enterNumber(Self.id, 5)).contains("one entry"))
        #expect(try service.command(.enterNumber(Self.id, 6)).contains("the two entries differ"))
        #expect(try service.command(.enterNumber(Self.id, 5)).contains("one entry"))
        #expect(try service.command(.enterNumber(Self.id, 5)).contains("both entries agree"))
        #expect(service.state(Self.id) == .published)
        #expect(try service.command(.enterNumber(Self.id, 5)).contains("is known already"))
        let result = try DrawResult(fileBytes: try #require(disk.bytes(folder.result)))
        #expect(result.winningNumber == 5 && result.method == "entered" && result.isNumberKnownBeforeSeal == false)
        #expect(result.seal?.reason == .cutOff && result.seal?.unfinished == [AgencyID(1)])
        #expect(result.seal?.absent == [AgencyID(2)] && result.bets == 3)
        let late = try #require(service.book[Self.id]?.draw.committer.snapshot.late)
        #expect(late.total == LateList.Count(chunks: 1, bets: 3))
        #expect(
            try service.events == [
                "opened", "sealed", "late", "number entered", "numbers differ", "number entered", "number known",
                "drawn", "published",
            ])
    }

    @Test("with four eyes the second entry must come from another user")
    func fourEyes() throws {
        let service = try service(["operators.fourEyes": "true"])
        try service.book.open(Self.opening(.entered))
        _ = try service.command(.close(Self.id))
        #expect(try service.command(.enterNumber(Self.id, 5), by: "ana").contains("one entry"))
        #expect(try service.command(.enterNumber(Self.id, 5), by: "ana").contains("another user than ana"))
        #expect(try service.command(.enterNumber(Self.id, 5), by: "luis").contains("both entries agree"))
        let number = try #require(try WinningNumber(in: folder, on: disk))
        #expect(number.enteredBy == ["ana", "luis"] && number.source == .entered)
    }

    @Test("a void draw is not drawn; its bets are listed, before or after it is sealed", arguments: [false, true])
    func void(_ isSealed: Bool) throws {
        let service = try service()
        try service.book.open(Self.opening(.entered))
        _ = try service.send(1, 1, to: Self.id)
        if isSealed { _ = try service.command(.close(Self.id)) }
        #expect(try service.command(.makeVoid(Self.id, reason: "the drum broke")) == "draw \(Self.id) is void")
        #expect(service.state(Self.id) == .void && disk.bytes(folder.result) == nil)
        let refunds = String(decoding: try #require(disk.bytes(folder.refunds)), as: UTF8.self)
        #expect(refunds.split(separator: "\r\n").count == 3 && refunds.hasPrefix("1,"))
        #expect(try service.send(2, 1, to: Self.id) == (isSealed ? "no 1 drawClosed" : "no 1 drawVoid"))
        #expect(try service.command(.makeVoid(Self.id, reason: "again")).contains("is void: only a draw before"))
        #expect(try service.command(.enterNumber(Self.id, 5)).contains("is void"))
        #expect(DrawState.isFinal(folder, on: disk))
    }

    @Test("a cut-off that was moved holds after a restart; a draw past it is sealed before a port opens")
    func moved() throws {
        let first = try service()
        try first.book.open(Self.opening(.entered))
        let later = Instant(milliseconds: Self.start + 90_000)
        #expect(try first.command(.moveCutOff(Self.id, to: later)) == "draw \(Self.id) closes at \(later)")
        #expect(
            try first.command(.moveCutOff(Self.id, to: Instant(milliseconds: Self.start - 1))).contains("has passed"))
        pass(60_000)
        let second = try service()
        #expect(try second.send(1, 1, to: Self.id) == "ok 1")
        pass(86_400_000)
        let third = try service()
        #expect(try LedgerContents(reading: folder.ledger, on: disk).standings.seal?.instant == later)
        try third.settle()
        #expect(third.state(Self.id) == .sealed)
        let event = try EventChain(disk.bytes("/data/events.log") ?? [], path: "e").events.last { $0.event == .sealed }
        #expect(event?.lateMilliseconds == 86_400_000 - 30_000)
    }

    @Test("a draw with a configured number is drawn at its cut-off, without a single bet too")
    func configured() throws {
        let service = try service(["draw.winningNumber": "12"])
        try service.book.open(Self.opening(.configured))
        pass(60_001)
        try service.settle()
        let result = try DrawResult(fileBytes: try #require(disk.bytes(folder.result)))
        #expect(result.bets == 0 && result.winningNumber == 12 && result.isNumberKnownBeforeSeal == true)
        #expect(result.seal?.absentCount == 2)
    }

    @Test("a draw closes when its last agency finishes, before its cut-off")
    func allFinished() throws {
        let service = try service()
        try service.book.open(Self.opening(.configured))
        for agency in [1, 2] as [UInt32] { #expect(try service.send(agency, 1, isLast: true, to: Self.id) == "ok 1") }
        try service.settle()
        #expect(service.state(Self.id) == .published)
        #expect(try DrawResult(fileBytes: try #require(disk.bytes(folder.result))).seal?.reason == .allFinished)
    }

    @Test("an operator opens a draw outside the calendar, once")
    func opened() throws {
        let service = try service()
        var opening = Self.opening(.entered, cutOff: nil)
        opening.by = "ana"
        #expect(try service.command(.open(opening)) == "draw \(Self.id) is open")
        #expect(try service.command(.open(opening)).contains("there is a draw \(Self.id) already"))
        let terms = try #require(try DrawTerms(in: folder, on: disk))
        #expect(terms.openedBy == "ana" && terms.agencies == 2 && terms.cutOff == nil)
        #expect(
            try service.command(.moveCutOff(Self.id, to: Instant(milliseconds: Self.start + 5))).contains("no cut-off"))
        let other = try #require(DrawID("other"))
        #expect(try service.command(.close(other)) == "rejected: there is no draw other")
    }

    @Test("terms outlive a change of the configuration")
    func terms() throws {
        try service().book.open(Self.opening(.entered))
        let again = try service(["agencies": "7"])
        #expect(again.book[Self.id]?.draw.agencies == 2)
    }

    @Test("a draw that has lost its ledger, terms or identity is set aside with the reason, and the others are served")
    func damaged() throws {
        let other = try #require(DrawID("other"))
        let first = try service()
        try first.book.open(Self.opening(.entered))
        _ = try first.command(
            .open(DrawOpening(draw: other, opens: Self.opening(.entered).opens, number: .entered, by: "ana")))
        let whole = disk.copy()
        var damaged = try #require(whole.bytes(folder.terms))
        damaged[damaged.count - 5] ^= 1
        let foreign = DrawTerms(
            draw: Self.id, ledgerID: "00000000000000ff", opens: Instant(milliseconds: 1), cutOff: nil, agencies: 2,
            number: .entered, openedBy: "x")
        let changes: [(SimulatedDisk) throws -> Void] = [
            { try $0.remove(folder.ledger) }, { $0.put(folder.terms, damaged) },
            { try foreign.write(to: folder, on: $0) },
        ]
        for change in changes {
            let disk = whole.copy()
            try change(disk)
            let service = try Service(disk: disk, time: time)
            #expect(service.state(Self.id) == nil && service.state(other) == .open)
            #expect(try service.events.last == "damage found")
            guard case .failure(let unavailable) = service.core.desk.draws.draw(named: Self.id.name) else {
                Issue.record("a damaged draw was found")
                continue
            }
            #expect(unavailable.code == .drawNotOpen && unavailable.reason.contains("are damaged"))
            #expect(service.book.exists(Self.id), "the calendar must not open it again")
        }
    }

    @Test("an operator's draw whose name has a ledger already is rejected, and the service runs")
    func ledgerWithoutTerms() throws {
        let first = try service()
        try first.book.open(Self.opening(.entered))
        _ = try first.send(1, 1, to: Self.id)
        try disk.remove(folder.terms)
        try disk.remove(folder.progress)
        let again = try service()
        #expect(try again.command(.open(Self.opening(.entered))).contains("terms.json is missing, and the ledger"))
        #expect(again.state(Self.id) == nil)
    }

    @Test(
        "after a crash at any call of making a draw void, the next start ends the same way", arguments: [false, true])
    func voidCrash(_ isSealed: Bool) throws {
        let first = try service()
        try first.book.open(Self.opening(.entered))
        _ = try first.send(1, 1, to: Self.id)
        if isSealed { _ = try first.command(.close(Self.id)) }
        var points = try disk.snapshots { _ = try first.command(.makeVoid(Self.id, reason: "r")) }
        points.append(("the end", disk.copy()))
        #expect(points.count > 10)
        for (call, point) in points {
            for loss in [SimulatedDisk.PowerLoss.losesUnsynced, .keepsUnsynced, .random(seed: 3)] {
                let disk = point.copy()
                disk.losePower(loss)
                let again = try Service(disk: disk, time: time)
                try again.settle()
                // A draw that was over before the start is not recovered.
                if disk.bytes(folder.void) != nil {
                    #expect([.void, nil].contains(again.state(Self.id)), "\(call) \(loss)")
                    #expect(DrawState.isFinal(folder, on: disk), "\(call) \(loss)")
                    #expect(try again.events.filter { $0 == "void" }.count == 1, "\(call) \(loss)")
                } else {
                    #expect(again.state(Self.id) == (isSealed ? .sealed : .open), "\(call) \(loss)")
                }
            }
        }
    }

    @Test("after a crash at any call of moving a cut-off, file, service and events agree", arguments: [30_000, 90_000])
    func moveCrash(_ milliseconds: UInt64) throws {
        let first = try service()
        try first.book.open(Self.opening(.entered))
        let moved = Instant(milliseconds: Self.start + milliseconds)
        let points = try disk.snapshots { _ = try first.command(.moveCutOff(Self.id, to: moved)) }
        for (call, point) in points {
            point.losePower(.losesUnsynced)
            let again = try Service(disk: point, time: time)
            let cutOff = again.book[Self.id]?.draw.committer.cutOff
            let isMoved = point.bytes(folder.cutOffMove) != nil
            #expect(cutOff == (isMoved ? moved : Self.opening(.entered).cutOff), "\(call)")
            #expect(try again.events.filter { $0 == "cut-off moved" }.count == (isMoved ? 1 : 0), "\(call)")
        }
    }

    @Test("after a crash at any call from the seal to the publication, the draw is published once, by the same number")
    func drawCrash() throws {
        let first = try service()
        try first.book.open(Self.opening(.entered))
        _ = try first.send(1, 1, to: Self.id)
        pass(60_000)
        let points = try disk.snapshots {
            try first.settle()
            for _ in 0..<2 { _ = try first.command(.enterNumber(Self.id, 5)) }
        }
        #expect(first.state(Self.id) == .published && points.count > 25)
        for (call, point) in points {
            for loss in [SimulatedDisk.PowerLoss.losesUnsynced, .keepsUnsynced, .random(seed: 5)] {
                let disk = point.copy()
                disk.losePower(loss)
                let again = try Service(disk: disk, time: time)
                try again.settle()
                if again.state(Self.id) == .sealed {
                    for _ in 0..<2 { _ = try again.command(.enterNumber(Self.id, 5)) }
                }
                // A published draw is final and is not recovered.
                #expect(DrawState.isFinal(folder, on: disk), "\(call) \(loss)")
                let result = try DrawResult(fileBytes: try #require(disk.bytes(folder.result)))
                #expect(result.winningNumber == 5 && result.bets == 3, "\(call) \(loss)")
                for kind in ["sealed", "number known", "drawn", "published"] {
                    let count = try again.events.filter { $0 == kind }.count
                    #expect(count == 1, "\(call) \(loss): \(count) events '\(kind)'")
                }
            }
        }
    }

    @Test("a final draw's ledger is closed once nobody uses it, and its name stays known")
    func retires() throws {
        let service = try service()
        try service.book.open(Self.opening(.configured))
        pass(60_000)
        try service.settle()
        let other = DrawOpening(
            draw: try #require(DrawID("z")), opens: Instant(milliseconds: Self.start), cutOff: nil, number: .entered,
            by: "ana")
        #expect(try service.command(.open(other)) == "draw z is open")
        service.book.retire()
        #expect(service.state(Self.id) == .published, "the draw published last stays for consultations")
        _ = try service.command(.close(other.draw))
        _ = try service.command(.enterNumber(other.draw, 1))
        _ = try service.command(.enterNumber(other.draw, 1))
        service.book.retire()
        #expect(service.state(Self.id) == nil && service.state(other.draw) == .published)
        #expect(service.book.exists(Self.id))
        guard case .failure(let unavailable) = service.core.desk.draws.draw(named: Self.id.name) else {
            Issue.record("a retired draw was found")
            return
        }
        #expect(unavailable.code == .drawClosed)
        #expect(try service.command(.close(Self.id)).contains("its ledger is not in use"))
    }

    @Test("the draw of a name, of none, of a dialect, and of a consultation")
    func lookup() throws {
        let service = try service()
        let draws = service.core.desk.draws
        guard case .failure(let nothing) = draws.draw(named: "") else {
            Issue.record("a draw without draws")
            return
        }
        #expect(nothing.code == .drawNotOpen && nothing.reason == "no draw is open")
        draws.plan([Self.opening(.entered)])
        guard case .failure(let planned) = draws.draw(named: Self.id.name) else {
            Issue.record("a planned draw was found")
            return
        }
        #expect(
            planned == DrawUnavailable(code: .drawNotOpen, reason: "draw \(Self.id) opens at 2025-11-20T22:11:15.000Z"))
        try service.book.open(Self.opening(.entered))
        var soon = Self.opening(.entered, cutOff: 1000)
        soon.draw = try #require(DrawID("soon"))
        try service.book.open(soon)
        #expect(try draws.draw(named: "").get().draw == soon.draw)
        #expect(try draws.draw(ofDialect: "pipe").get().draw == soon.draw)
        _ = try service.send(1, 1, to: soon.draw)
        pass(1000)
        try service.settle()
        #expect(try draws.draw(named: "").get().draw == Self.id)
        // Agency 1 has bets in the draw that waits for its number; agency 2 has none anywhere.
        #expect(draws.draw(consultedBy: AgencyID(1))?.draw == soon.draw)
        #expect(draws.draw(consultedBy: AgencyID(2))?.draw == Self.id)
    }
}
