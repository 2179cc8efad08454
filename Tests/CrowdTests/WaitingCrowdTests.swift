import Domain
import Foundation
import Glibc
import Platform
import Shell
import TestKit
import Testing
import WireProtocol

/// Crowds of agencies that wait for the draw.
@Suite(.serialized)
struct WaitingCrowdTests {
    private static let isFull = ProcessInfo.processInfo.environment["FAULTS"] == "full"

    private static let environment = ProcessInfo.processInfo.environment
    private static let welcomeBytes = Message.welcome(
        Welcome(
            nextSequence: 0, storedBets: 0, rejectedBets: 0, maxFrameBytes: 0, window: 1, isFinished: false,
            draw: "default")
    ).encoded.count

    private func start(_ service: TestService, _ folder: TemporaryFolder) throws -> TestProgram {
        try TestProgram.start(service, data: folder.path + "/data", agencies: 1, in: folder.path)
    }

    /// Parks `size` connections.
    private func park(_ size: Int, on endpoint: Endpoint, from source: String = "127.0.0.1") throws -> Crowd {
        _ = try DescriptorLimit.raise()
        let crowd = Crowd()
        #expect(crowd.connect(size, to: endpoint, from: source) == size)
        let question =
            Message.hello(Hello(agency: AgencyID(1))).encoded
            + Message.consultWinners(waitMilliseconds: 600_000).encoded
        for index in crowd.sockets.indices { crowd.send(question[...], on: index) }
        try wait { crowd.receive(atLeast: Self.welcomeBytes) == size }
        return crowd
    }

    /// Waits until all connections are answered.
    private func answered(_ crowd: Crowd) throws {
        try wait { crowd.receive(atLeast: Self.welcomeBytes + 12) == crowd.sockets.count }
        #expect(crowd.closedCount == 0)
    }

    /// Sends the last chunk of the only agency.
    ///
    /// - Returns: the time at which the publication was logged.
    private func draw(_ ingest: TestProgram) throws -> UInt64 {
        let agency = try TestSocket(try ingest.waitForAddress())
        try agency.send(.hello(Hello(agency: AgencyID(1))))
        try agency.send(.chunk(Samples.chunk(agency: 1, sequence: 1, isLast: true)))
        _ = try agency.receiveMessage()
        try ingest.waitForLog("action: publish")
        return SystemCall.unixMilliseconds()
    }

    private func stop(_ programs: [TestProgram]) throws {
        for program in programs { program.signal(SIGTERM) }
        for program in programs { #expect(try program.waitForExit() == 0) }
    }

    @Test("a crowd that waits is answered when the draw is published")
    func parked() throws {
        let size = Self.isFull ? 15_000 : 500
        let folder = try TemporaryFolder()
        let (ingest, winners) = (try start(.ingest, folder), try start(.winners, folder))
        let endpoint = try winners.waitForAddress()
        let before = winners.residentBytes
        let crowd = try park(size, on: endpoint)
        let bytes = (winners.residentBytes - before) / size
        let published = try draw(ingest)
        try answered(crowd)
        let taken = SystemCall.unixMilliseconds() - published
        try writeOutput(
            "waiting crowd: \(size) parked on one service, \(bytes) bytes of it each, all answered \(taken) ms after "
                + "the publication was logged")
        try stop([ingest, winners])
    }

    @Test(
        "a hundred thousand wait on several services over one folder",
        .enabled(if: isFull, "skipped: only with FAULTS=full"))
    func several() throws {
        let (services, size) = (7, 15_000)
        let folder = try TemporaryFolder()
        let ingest = try start(.ingest, folder)
        let winners = try (0..<services).map { _ in try start(.winners, folder) }
        // A process may have 20,000 descriptors, so each crowd is a process of its own: this program again.
        let path = CommandLine.arguments[0].split(separator: "/").last.map(String.init) ?? ""
        let crowds = try winners.enumerated().map { index, service in
            let crowd = "\(try service.waitForAddress()),\(size),127.0.0.\(index + 2)"
            return try TestProgram(
                path, ["--filter", "WaitingCrowdTests/member", "--testing-library", "swift-testing"],
                environment: ["CROWD": crowd], in: folder.path)
        }
        for crowd in crowds { try crowd.waitForLog("crowd waits", seconds: 120) }
        let published = try draw(ingest)
        let ends = try crowds.map { crowd in
            let line = try crowd.waitForLog("crowd answered", seconds: 120)
            return UInt64(line.split(separator: " ").last ?? "") ?? .max
        }
        let taken = (ends.max() ?? .max) - published
        try writeOutput(
            "waiting crowds: \(services * size) parked on \(services) services, all answered \(taken) ms after the "
                + "publication was logged")
        for crowd in crowds { #expect(try crowd.waitForExit() == 0) }
        try stop([ingest] + winners)
    }

    @Test(
        "one of many crowds", .enabled(if: environment["CROWD"] != nil, "skipped: the test of many crowds starts it"))
    func member() throws {
        let parts = try #require(Self.environment["CROWD"]).split(separator: ",").map(String.init)
        let crowd = try park(
            try #require(Int(parts[1])), on: try #require(Endpoint(parts[0])), from: parts[2])
        writeError("crowd waits")
        try answered(crowd)
        writeError("crowd answered \(SystemCall.unixMilliseconds())")
    }

    /// Polls a condition until it holds.
    private func wait(_ condition: () -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(120)
        let never = Monitor(())
        while !condition() {
            guard ContinuousClock.now < deadline else { throw TestSocket.Failure.timeout }
            // The pause limits the cost: each poll makes a call for each connection.
            _ = never.wait(until: .now + .milliseconds(20)) { _ -> Bool? in nil }
        }
    }
}
