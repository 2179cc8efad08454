import Connections
import Dialects
import Domain
import Ledger
import NIOConcurrencyHelpers
import Shell
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// Tests of dialects' agencies that wait when a draw closes without them.
struct ClosedDialectTests {
    private final class Answers: AnswerSink {
        private let answers = NIOLockedValueBox<[Answer]>([])

        func send(_ answer: Answer) { answers.withLockedValue { $0.append(answer) } }

        /// In short, for example `stored`, `parked`, `rejected draw closed`, `closed`.
        var summary: [String] {
            answers.withLockedValue { $0 }.map { answer in
                switch answer {
                case .frame(.reply(.stored), _): "stored"
                case .frame(.reply(.finished), _), .parkedReply(.finished): "finished"
                case .frame(.reply(.rejected(_, let reason)), _), .parkedReply(.rejected(_, let reason)):
                    "rejected: \(reason)"
                case .parked: "parked"
                case .final: "closed"
                default: "\(answer)"
                }
            }
        }
    }

    private let fixture: CommitterFixture
    private let port: IngestPort

    init() throws {
        fixture = try CommitterFixture(agencies: 2)
        let configuration = try ServiceConfiguration(flags: ["agencies": "2"], environment: [:], file: nil)
        port = IngestPort(configuration, dialect: PipeDialect(), desk: fixture.desk)
    }

    private func connect() -> (IngestConnection, Answers) {
        let answers = Answers()
        return (IngestConnection(peer: "10.0.0.1:\(1000)", port: port, answers: answers), answers)
    }

    private func send(_ request: Request, _ connection: IngestConnection) {
        fixture.committer.stage(request, from: connection)
        #expect(fixture.committer.commitStaged())
    }

    private func chunk(_ agency: UInt32) -> Request {
        .unnumberedChunk(CheckedChunk(Samples.chunk(agency: Int(agency), sequence: 1), fault: nil), AgencyID(agency))
    }

    @Test("ENDs that are parked when the draw closes are rejected, and so are later ones", arguments: [false, true])
    func parkedEnds(_ hasSecond: Bool) {
        let (first, answers) = connect()
        send(chunk(1), first)
        let (second, others) = connect()
        send(chunk(2), second)
        send(.finish(nil), first)
        #expect(answers.summary == ["stored", "parked"])
        fixture.committer.seal(.operator)
        #expect(fixture.committer.commitStaged())
        #expect(answers.summary.last == "rejected: draw closed by its operator")
        if hasSecond {
            send(.finish(nil), second)
            #expect(others.summary.last == "rejected: draw closed by its operator")
        }
        #expect(fixture.finishedAgencies.isEmpty)
        #expect(fixture.durableSeals.first?.unfinished == [AgencyID(1), AgencyID(2)])
    }

    @Test("consultations that wait for a draw end when it is made void, and later ones at once")
    func voidConsultations() {
        let (connection, answers) = connect()
        let decision = fixture.draw.consultations.consult(AgencyID(1), from: connection, waits: true)
        connection.deliver(decision)
        #expect(answers.summary == ["parked"])
        fixture.draw.consultations.makeVoid()
        #expect(answers.summary == ["parked", "closed"])
        let (later, lateAnswers) = connect()
        later.deliver(.consult(Samples.draw, AgencyID(1), waits: true))
        #expect(lateAnswers.summary == ["closed"])
        #expect(fixture.desk.draws.draw(consultedBy: AgencyID(1)) != nil)
    }
}
