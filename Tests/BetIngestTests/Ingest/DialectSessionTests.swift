import Connections
import Dialects
import Domain
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// Tests of the requests that a dialect's connection may make, and for which agency.
struct DialectSessionTests {
    private static let chunk = Samples.chunk(agency: 1, sequence: 0)
    private static let bad = BadChunk(count: 3, badBets: 2, reason: "bet 1: no")
    private let one = AgencyID(1)
    private let two = AgencyID(2)
    private let nine = AgencyID(9)

    private func kind(_ request: Request?) -> String {
        switch request {
        case .unnumberedChunk(let checked, let agency): "number \(checked.chunk.count) of \(agency)"
        case .finish(let agency): "finish \(agency.map { "\($0)" } ?? "?")"
        case .consult(_, let agency, let finishes, let waits): "consult \(agency) \(finishes) \(waits)"
        case .answer(.invalid(let message)): "rejected \(message.badBets), logged"
        case .answer(.nothingToRecord): "stored"
        case .answer(.echo): "echo"
        case .answer(.restOfRejected): "silence"
        case .leave(let agency, .left): "leave \(agency.map { "\($0)" } ?? "-")"
        case .askDrawn: "ask drawn"
        case nil: "ignore"
        case let request?: "\(request)"
        }
    }

    private func walk(in dialect: any Dialect = PipeDialect(), _ requests: [DialectRequest]) -> [String] {
        var session = DialectSession(dialect, draws: OneDraw())
        return requests.map { kind(session.receive($0, today: Samples.today)) }
    }

    @Test("the first chunk binds the connection to its agency")
    func binding() {
        #expect(
            walk([
                .chunk(one, Self.chunk), .chunk(two, Self.chunk), .chunk(one, Self.chunk), .finish(two), .finish(nil),
                .consult(two, .init(wait: .always)), .consult(one, .init(wait: .always)),
            ]) == [
                "number 3 of 1", "rejected 3, logged", "number 3 of 1", "rejected 0, logged", "finish 1",
                "rejected 0, logged", "consult 1 false true",
            ])
    }

    @Test("agencies outside the draw are rejected")
    func foreignAgencies() {
        let zero = AgencyID(0)
        #expect(
            walk([
                .chunk(nine, Self.chunk), .chunk(zero, Self.chunk), .finish(nine), .consult(nine, .init(wait: .always)),
                .consult(nil, .init(wait: .always)),
            ]) == ["rejected 3, logged"] + ["rejected 3, logged"] + Array(repeating: "rejected 0, logged", count: 3))
    }

    @Test("an empty chunk is answered as stored without a record; an empty last chunk has a record")
    func zeroBets() {
        let empty = Samples.chunk(sequence: 0, bets: [])
        let last = Samples.chunk(sequence: 0, bets: [], isLast: true)
        #expect(
            walk([.chunk(nil, empty), .chunk(one, empty), .chunk(one, last)])
                == ["stored", "stored", "number 0 of 1"])
    }

    @Test("a bad chunk is answered with its bad bets, and the connection continues if the dialect has an error reply")
    func badChunk() {
        let requests: [DialectRequest] = [.badChunk(one, Self.bad), .chunk(one, Self.chunk)]
        for dialect in [SemicolonDialect(), LinesDialect(), PipeDialect()] as [any Dialect] {
            #expect(walk(in: dialect, requests) == ["rejected 2, logged", "number 3 of 1"])
        }
        // Closed without an answer: nothing after the chunk may be stored.
        for dialect in [TLVDialect(), JSONDialect()] as [any Dialect] {
            #expect(walk(in: dialect, requests) == ["rejected 2, logged", "ignore"])
        }
    }

    @Test("a rejected chunk binds the connection to its agency: the next END is that agency's")
    func rejectedNames() {
        #expect(
            walk([.badChunk(one, Self.bad), .finish(nil), .chunk(two, Self.chunk)])
                == ["rejected 2, logged", "finish 1", "rejected 3, logged"])
        #expect(walk([.badChunk(nine, Self.bad), .finish(nil)]) == ["rejected 2, logged", "finish ?"])
    }

    @Test("the rest of a chunk that was cut short is not answered twice")
    func rest() {
        var cut = Self.bad
        cut.mayHaveRest = true
        let unknown = DialectRequest.unknown(reason: "no message")
        #expect(
            walk(in: LinesDialect(), [.badChunk(one, cut), unknown, unknown, .chunk(one, Self.chunk), unknown])
                == ["rejected 2, logged", "silence", "silence", "number 3 of 1", "rejected 0, logged"])
    }

    @Test("a consultation waits always, never, or only after the agency has finished on the connection")
    func waiting() {
        #expect(
            walk([.consult(one, .init(wait: .afterFinish)), .finish(one), .consult(one, .init(wait: .afterFinish))])
                == ["consult 1 false false", "finish 1", "consult 1 false true"])
        #expect(walk([.consult(one, .init(finishes: true, wait: .never))]) == ["consult 1 true false"])
        #expect(walk([.finish(nil), .askDrawn, .echo([10])]) == ["finish ?", "ask drawn", "echo"])
    }

    @Test("bad frames and deadlines close the connection, and a hang-up releases the agency", arguments: [true, false])
    func ends(_ hasSent: Bool) {
        for event in [.invalidFrame(.header), .expired("late")] as [ConnectionEvent] {
            var session = DialectSession(PipeDialect(), draws: OneDraw())
            if hasSent { _ = session.receive(.chunk(one, Self.chunk), today: Samples.today) }
            guard case .answer(let decision)? = session.receive(event, today: Samples.today),
                case .final? = Answer(decision, dialect: PipeDialect())
            else {
                Issue.record("no final answer")
                continue
            }
            #expect(kind(session.receive(.frame(Frame([])), today: Samples.today)) == "ignore")
            #expect(kind(session.receive(.ended, today: Samples.today)) == "leave \(hasSent ? "1" : "-")")
        }
    }
}
