import Domain
import Shell
import TestKit
import Testing
import WireProtocol

@testable import Agency

/// Tests of the events that end a session, and of those that do not.
struct ServiceDialogTests {
    private let service = ModelService()
    private let rows = SendingFixture.rows(25)

    /// Runs an agency whose service answers chunks with `answer`, and returns its error.
    private func error(_ answer: @escaping (Chunk) -> Message) -> any Error {
        let link = ScriptedLink { [service] message in
            guard case .chunk(let chunk) = message else { return service.take(message) }
            return [.message(answer(chunk))]
        }
        do {
            try SendingFixture(rows, link).send()
            return ConnectionFailure(reason: "it ended")
        } catch {
            return error
        }
    }

    private func rejection(_ code: RejectionCode) -> any Error {
        error { .chunkRejected(ChunkRejected(sequence: $0.sequence, code: code, betIndex: 0, message: "no")) }
    }

    @Test("a chunk that the service does not store ends the run with 65 and is reported as not stored")
    func rejections() {
        let codes: [(RejectionCode, String)] = [
            (.agencyFinished, "takes no more bets"), (.drawClosed, "takes no more bets"), (.conflict, "are not stored"),
            (.malformedChunk, "are not stored"),
            (RejectionCode(rawValue: 77), "code 77, which this program does not know"),
        ]
        for (code, text) in codes {
            let error = rejection(code)
            #expect(ProgramExit(for: error) == .data && "\(error)".contains(text), "\(code): \(error)")
        }
    }

    @Test("permanent errors end the run at once, each with its exit code and reason")
    func errors() {
        let codes: [(ErrorCode, ProgramExit, String)] = [
            (.superseded, .tryLater, "another program is running as agency 1; this one stops"),
            (.unknownAgency, .configuration, "unknownAgency"), (.sequenceGap, .configuration, "sequenceGap"),
            (ErrorCode(rawValue: 77), .data, "code 77, which this program does not know"),
        ]
        for (code, exit, text) in codes {
            let error = error { _ in .error(code, "no") }
            #expect(ProgramExit(for: error) == exit && "\(error)".contains(text), "\(code): \(error)")
        }
    }

    @Test("the agency reconnects to a service that is silent for 30 s")
    func silence() throws {
        let link = ScriptedLink { [service] in service.take($0) }
        link.isMute = { $0 == 1 }
        let start = link.now
        #expect(try SendingFixture(rows, link).send().stored == 25)
        #expect(link.connections == 2)
        #expect(start.duration(to: link.now) >= ServiceDialog.maxSilence)
        #expect(start.duration(to: link.now) < ServiceDialog.maxSilence + .seconds(1))
    }

    @Test("a service that is unreachable beyond the deadline ends the run with 75 and names the unknown sequence")
    func deadline() throws {
        let fixture = SendingFixture(rows, ScriptedLink(service))
        service.losesAnswers = [2]
        fixture.link.connectFailure = { $0 > 1 ? "Connection refused (errno 111)" : nil }
        let start = fixture.link.now
        #expect {
            try fixture.send()
        } throws: { error in
            ProgramExit(for: error) == .tryLater && "\(error)".contains("sequence 2 was sent and not acknowledged")
                && "\(error)".contains("nothing is stored twice")
        }
        #expect(start.duration(to: fixture.link.now) < .seconds(310))
        #expect(fixture.log.contains { $0.contains("error: unknown: sequence 2") })
    }

    @Test("a machine that slept through the deadline tries again before it gives up")
    func suspended() throws {
        let fixture = SendingFixture(rows, ScriptedLink(service))
        service.losesAnswers = [1]
        var hasSlept = false
        fixture.link.onWait = { [service, link = fixture.link] in
            // After the chunk, before the end of its connection.
            guard service.chunks.count == 1, !hasSlept else { return }
            hasSlept = true
            link.suspend(.seconds(8 * 3600))
        }
        #expect(try fixture.send().stored == 25)
    }

    @Test("a stop during the back-off names the sequence without an answer")
    func stopInBackoff() throws {
        let fixture = SendingFixture(rows, ScriptedLink(service))
        service.losesAnswers = [1]
        fixture.link.connectFailure = { [link = fixture.link] connection in
            guard connection > 1 else { return nil }
            link.stopsAfterSending = 0
            return "Connection refused (errno 111)"
        }
        #expect(throws: Stopped.self) { try fixture.send() }
        #expect(fixture.log.contains { $0.contains("error: unknown: sequence 1") })
    }

    @Test("a WELCOME with impossible values or without a sequence left ends an attempt and traps nothing")
    func brokenWelcome() throws {
        func welcome(_ change: (inout Welcome) -> Void) -> Welcome {
            var welcome = service.welcome
            change(&welcome)
            return welcome
        }
        let broken = [
            welcome { $0.nextSequence = .max }, welcome { $0.nextSequence = .max - 1 }, welcome { $0.window = 0 },
            welcome { $0.storedBets = .max }, welcome { $0.maxFrameBytes = 10 },
        ]
        for welcome in broken {
            let link = ScriptedLink { message in
                switch message {
                case .hello: [.message(.welcome(welcome))]
                case .chunk(let chunk):
                    [
                        .message(
                            .chunkProcessed(
                                ChunkProcessed(sequence: chunk.sequence, count: UInt16(chunk.count), firstBetIndex: 0)))
                    ]
                default: []
                }
            }
            #expect {
                try SendingFixture(rows, link).send()
            } throws: { ProgramExit(for: $0) == (welcome.nextSequence == .max - 1 ? .data : .tryLater) }
        }
    }

    @Test("unexpected answers end an attempt")
    func unexpected() throws {
        var isFirst = true
        let link = ScriptedLink { [service] message in
            guard case .chunk = message, isFirst else { return service.take(message) }
            isFirst = false
            return [.message(.chunkProcessed(ChunkProcessed(sequence: 9, count: 10, firstBetIndex: 0)))]
        }
        #expect(try SendingFixture(rows, link).send().stored == 25)
        #expect(link.connections == 2)
    }

    @Test("each command describes the effect of its own rerun")
    func reruns() {
        func text(_ rerun: AgencyError.Rerun) -> String {
            "\(AgencyError.deadline(.seconds(1), lastFailure: "x", unacknowledged: 1, rerun))"
        }
        #expect(text(.resumes).contains("nothing is stored twice"))
        #expect(text(.bet).contains("not stored twice, unless another bet"))
        #expect(text(.betAgain).contains("may store it twice"))
    }

    @Test("a clock that is earlier than the program's build is rejected")
    func clock() throws {
        #expect {
            _ = try AgencyRun.today(unixMilliseconds: 86_400_000)
        } throws: { ProgramExit(for: $0) == .internal && "\($0)".contains("says 1970-01-02") }
        #expect(try AgencyRun.today(unixMilliseconds: 1_800_000_000_000).year == 2027)
    }
}
