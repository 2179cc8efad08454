import Foundation
import Glibc
import Shared
import TestKit
import Testing

/// Agencies that all wait for the draw on one service.
@Suite(.serialized)
struct WaitingCrowdTests {
    private static let isFull = ProcessInfo.processInfo.environment["FAULTS"] == "full"

    @Test("a crowd that waits is answered when the draw is published")
    func parked() throws {
        let size = Self.isFull ? 15_000 : 500
        _ = DescriptorLimit.raise()
        let folder = try TemporaryFolder()
        func start(_ program: String) throws -> TestProgram {
            try TestProgram(
                program, ["--data", folder.path + "/data", "--listen", "127.0.0.1:0", "--set", "agencies=1"],
                in: folder.path)
        }
        let (ingest, winners) = (try start("bet-ingest"), try start("winners-service"))
        let (port, consult) = (try ingest.waitForAddress(), try winners.waitForAddress())
        let before = residentBytes(winners.processID)
        let crowd = Crowd()
        #expect(crowd.connect(size, to: consult) == size)
        let question =
            Message.hello(Hello(agency: AgencyID(1))).encoded
            + Message.consultWinners(waitMilliseconds: 600_000).encoded
        for index in crowd.sockets.indices { crowd.send(question[...], on: index) }
        let welcome = Message.welcome(
            Welcome(
                nextSequence: 0, storedBets: 0, rejectedBets: 0, maxFrameBytes: 0, window: 1, isFinished: false,
                draw: "default")
        ).encoded.count
        try wait { crowd.receive(atLeast: welcome) == size }
        let parked = residentBytes(winners.processID) - before
        let agency = try TestSocket(port)
        try agency.send(.hello(Hello(agency: AgencyID(1))))
        try agency.send(.chunk(Samples.chunk(agency: 1, sequence: 1, isLast: true)))
        _ = try agency.receiveMessage()
        try ingest.waitForLog("action: publish")
        let published = ContinuousClock.now
        try wait { crowd.receive(atLeast: welcome + 12) == size }
        let taken = ContinuousClock.now - published
        writeOutput(
            "waiting crowd: \(size) parked on one service, \(parked / size) bytes each, all answered "
                + "\(taken.milliseconds) ms after the publication was logged")
        #expect(crowd.closedCount == 0)
        for program in [ingest, winners] {
            program.signal(SIGTERM)
            #expect(try program.waitForExit() == 0)
        }
    }

    /// Looks again and again until a condition holds.
    private func wait(_ condition: () -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while !condition() {
            guard ContinuousClock.now < deadline else { throw TestSocket.Failure.timeout }
            sched_yield()
        }
    }
}
