import Domain
import Foundation
import Ledger
import Storage
import TestKit
import Testing
import WireProtocol

@testable import WinnersService

/// Tests of the watch on many draws, and of which draw a question means.
struct PublishedDrawsTests {
    private let temporary: TemporaryFolder
    private let disk = PosixDisk()

    init() throws {
        temporary = try TemporaryFolder()
    }

    private var data: DataFolder { DataFolder(temporary.path) }

    private func id(_ name: String) throws -> DrawID { try #require(DrawID(name)) }

    private func folder(_ name: String) throws -> DrawFolder {
        let folder = DrawFolder(data: temporary.path, draw: try id(name))
        try disk.makeFolder(folder.path)
        return folder
    }

    private func draws(configured: String? = nil, maxLoaded: Int = 2) throws -> PublishedDraws {
        PublishedDraws(
            data, configured: try configured.map { try id($0) }, agencies: 5, maxLoaded: maxLoaded, on: disk)
    }

    private func writeProgress(
        _ name: String, _ state: DrawState = .open, finished: [UInt32] = [], cutOff: UInt64? = nil
    ) throws {
        let folder = try folder(name)
        var progress = DrawProgress(
            draw: folder.draw, ledgerID: 1, state: state, agencies: 3,
            finishedAgencies: finished.map { AgencyID($0) })
        progress.cutOff = cutOff.map { Instant(milliseconds: $0) }
        try DurableFile.replace(folder.progress, with: progress.fileBytes, on: disk)
    }

    private func publish(_ name: String) throws {
        let folder = try folder(name)
        var result = Samples.result(winners: [["1"], []])
        result.draw = folder.draw
        try DurableFile.replace(folder.result, with: result.fileBytes, on: disk)
    }

    private func kinds(_ changes: [PublishedDraws.Change]) -> [String] {
        changes.compactMap { change in
            switch change {
            case .known: nil
            case .result(let draw, _, _): "result \(draw)"
            case .withdrawn(let draw): "withdrawn \(draw)"
            case .missing(let draw): "missing \(draw)"
            case .rejected(let path, _): "rejected \(path.split(separator: "/").dropLast().last ?? "")"
            case .waitingForFolder: "waiting"
            }
        }
    }

    @Test("at the start only the draw published last is loaded; others are when an agency asks, within the limit")
    func loading() throws {
        for name in ["a", "b", "c", "d"] { try publish(name) }
        let last = try id("d")
        var draws = try draws()
        #expect(kinds(draws.changes()) == ["result d"])
        #expect(draws.known.published.count == 4 && draws.known.lastPublished == last)
        #expect(kinds(draws.load(try id("a"))) == ["result a"])
        #expect(kinds(draws.load(try id("a"))) == [])
        // The draw published last stays.
        #expect(kinds(draws.load(try id("b"))) == ["result b", "withdrawn a"])
        #expect(kinds(draws.load(try id("x"))) == [])
        // Neither loading nor an old progress.json changes the draw that an agency means.
        try writeProgress("a", .published, finished: [1])
        _ = draws.load(try id("a"))
        for _ in 0..<60 { _ = draws.changes() }
        #expect(draws.known.live.isEmpty && draws.known.lastPublished == last)
        #expect(draws.known.draw(consultedBy: AgencyID(1)) == last)
    }

    @Test("a question about a draw whose folder is gone ends")
    func missing() throws {
        for name in ["a", "b"] { try publish(name) }
        var draws = try draws()
        _ = draws.changes()
        try FileManager.default.removeItem(atPath: try folder("a").path)
        #expect(kinds(draws.load(try id("a"))) == ["missing a"])
        #expect(draws.known.published.count == 1)
    }

    @Test("an agency of a dialect that may just have finished is not answered from an earlier draw at once")
    func dialects() throws {
        var known = KnownDraws(configuredAgencies: 5)
        known.published = [try id("yesterday"): nil]
        known.lastPublished = try id("yesterday")
        let (agency, yesterday) = (AgencyID(1), try id("yesterday"))
        #expect(known.draw(askedByDialectFor: agency, isLastAttempt: false) == yesterday)
        known.live = [try id("today"): .init(finished: [], expectedAgencies: 5, lastAgency: 5)]
        #expect(known.draw(askedByDialectFor: agency, isLastAttempt: false) == nil)
        #expect(known.draw(askedByDialectFor: agency, isLastAttempt: true) == yesterday)
        known.live = [try id("today"): .init(finished: [agency], expectedAgencies: 5, lastAgency: 5)]
        #expect(known.draw(askedByDialectFor: agency, isLastAttempt: false) == (try id("today")))
    }

    @Test("a draw that opens, is published and loses its result is followed")
    func live() throws {
        try disk.makeFolder(data.draws)
        var draws = try draws()
        _ = draws.changes()
        try writeProgress("a", finished: [2], cutOff: 1000)
        for _ in 0..<10 { _ = draws.changes() }
        let live = try #require(draws.known.live[try id("a")])
        #expect(live.finished == [AgencyID(2)] && live.cutOff == Instant(milliseconds: 1000))
        try publish("a")
        var published: [String] = []
        for _ in 0..<10 { published += kinds(draws.changes()) }
        #expect(published == ["result a"])
        let a = try id("a")
        #expect(draws.known.live.isEmpty && draws.known.lastPublished == a)
        try disk.remove(try folder("a").result)
        var seen: [String] = []
        for _ in 0..<100 { seen += kinds(draws.changes()) }
        #expect(seen == ["withdrawn a"] && draws.known.published.isEmpty)
    }

    @Test("a void draw is known with its reason")
    func void() throws {
        try writeProgress("a")
        var draws = try draws()
        _ = draws.changes()
        try VoidDraw(
            draw: try id("a"), ledgerID: "1", reason: "the drum broke", by: "ana", time: Instant(milliseconds: 1)
        ).write(to: try folder("a"), on: disk)
        try writeProgress("a", .void)
        for _ in 0..<50 { _ = draws.changes() }
        let void = [try id("a"): "the drum broke"]
        #expect(draws.known.void == void && draws.known.live.isEmpty)
        var again = try self.draws()
        for _ in 0..<50 { _ = again.changes() }
        #expect(again.known.void.count == 1)
    }

    @Test("the draw of the course never answers for another one that the folder still holds")
    func configured() throws {
        try publish("earlier")
        var draws = try draws(configured: "default")
        _ = draws.changes()
        #expect(draws.known.lastPublished == nil)
        #expect(draws.known.draw(consultedBy: AgencyID(1)) == (try id("default")))
        #expect(try draws.known.draw(named: "earlier").get() == (try id("earlier")))
    }

    @Test("a question without a draw means the unpublished one in which the agency has finished, else the last one")
    func meaning() throws {
        var known = KnownDraws(configuredAgencies: 5)
        #expect(known.draw(consultedBy: AgencyID(1)) == nil)
        func live(_ finished: [UInt32], _ cutOff: UInt64) -> KnownDraws.Live {
            .init(
                finished: Set(finished.map { AgencyID($0) }), expectedAgencies: 5, lastAgency: 5,
                cutOff: Instant(milliseconds: cutOff))
        }
        known.live = [
            try id("late"): live([1, 2], 900), try id("soon"): live([1], 100), try id("first"): live([], 50),
        ]
        #expect(known.draw(consultedBy: AgencyID(1)) == (try id("soon")))
        #expect(known.draw(consultedBy: AgencyID(2)) == (try id("late")))
        #expect(known.draw(consultedBy: AgencyID(3)) == (try id("first")))
        known.published = [try id("yesterday"): nil]
        known.lastPublished = try id("yesterday")
        #expect(known.draw(consultedBy: AgencyID(3)) == (try id("yesterday")))
        #expect(known.draw(consultedBy: AgencyID(2)) == (try id("late")))
        guard case .failure(let fault) = known.draw(named: "nowhere") else {
            Issue.record("an unknown draw was found")
            return
        }
        #expect(fault.code == .unknownDraw)
    }
}
