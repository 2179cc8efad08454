import Domain
import Foundation
import Glibc
import Platform
import Shell
import TestKit
import Testing
import WireProtocol

/// Malicious and broken clients against the real service.
///
/// `FAULTS=full` uses the crowds of docs/reliability.md instead of small ones. Tests run one at a time, because a process
/// has 20,000 descriptors. `STORM` is the number of connection attempts.
@Suite(.serialized)
struct HostileTests {
    private static let isFull = ProcessInfo.processInfo.environment["FAULTS"] == "full"

    private func start(_ service: TestService, agencies: Int, _ folder: TemporaryFolder) throws -> TestProgram {
        _ = try DescriptorLimit.raise()
        return try TestProgram.start(service, data: folder.path + "/data", agencies: agencies, in: folder.path)
    }

    private func stop(_ program: TestProgram) throws {
        program.signal(SIGTERM)
        #expect(try program.waitForExit() == 0)
    }

    @Test("a crowd that sends one byte a second does not slow regular agencies down")
    func slowCrowd() throws {
        let size = Self.isFull ? 10_000 : 300
        let folder = try TemporaryFolder()
        let service = try start(.ingest, agencies: 50 + size, folder)
        let endpoint = try service.waitForAddress()
        let regular = try HonestAgencies(50, endpoint)
        _ = try regular.work(chunks: 20)
        var (alone, beside): ([Duration], [Duration]) = ([], [])
        for _ in 0..<3 {
            // First lets the service finish with the connections that were just opened or closed.
            _ = try regular.work(chunks: Self.isFull ? 200 : 20)
            alone.append(try regular.work(chunks: Self.isFull ? 100 : 20).percentile(99))
            let crowd = Crowd()
            #expect(crowd.connect(size, to: endpoint) == size)
            beside.append(
                try withTrickle(crowd) {
                    _ = try regular.work(chunks: Self.isFull ? 200 : 20)
                    return try regular.work(chunks: Self.isFull ? 100 : 20).percentile(99)
                })
            crowd.closeAll()
        }
        let ratio = beside.median.milliseconds / alone.median.milliseconds
        try writeOutput(
            "slow crowd: \(size) connections at a byte a second, 50 regular agencies: p99 \(alone.median.milliseconds) ms "
                + "alone, \(beside.median.milliseconds) ms beside it, ratio \(ratio)")
        #expect(service.residentBytes < 600 << 20)
        try stop(service)
    }

    /// Runs `body` while every connection of a crowd sends a byte each second: a HELLO, then a chunk.
    private func withTrickle<Result>(_ crowd: Crowd, _ body: () throws -> Result) rethrows -> Result {
        let isDone = Monitor(false)
        let sockets = crowd.sockets
        let thread = NamedThread("trickle") {
            var position = 0
            while true {
                for (index, socket) in sockets.enumerated() {
                    let agency = AgencyID(UInt32(51 + index))
                    let bytes = Message.hello(Hello(agency: agency)).encoded + [0, 0, 16, 0, 2]
                    var byte = bytes[position % bytes.count]
                    _ = Glibc.send(socket, &byte, 1, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
                }
                position += 1
                if isDone.wait(until: .now + .seconds(1), for: { $0 ? true : nil }) != nil { return }
            }
        }
        defer {
            isDone.withLock { $0 = true }
            isDone.wakeAll()
            thread.join()
        }
        return try body()
    }

    @Test("frames that claim 4 GB, silence, half-open connections and storms keep the service within its memory")
    func storms() throws {
        let environment = ProcessInfo.processInfo.environment
        let attempts = environment["STORM"].flatMap(Int.init) ?? (Self.isFull ? 200_000 : 5_000)
        let folder = try TemporaryFolder()
        let service = try start(.ingest, agencies: 5, folder)
        let endpoint = try service.waitForAddress()
        let before = service.residentBytes
        let claim: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
        let kinds: [[UInt8]] = [[], claim, [0, 0, 0], Message.hello(Hello(agency: AgencyID(9))).encoded]
        for attempt in 0..<attempts {
            guard let socket = Crowd.connect(to: endpoint) else {
                Issue.record("attempt \(attempt) was not accepted")
                break
            }
            let bytes = kinds[attempt % kinds.count]
            _ = bytes.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            close(socket)
        }
        let halfOpen = Crowd()
        let held = Self.isFull ? 10_000 : 500
        #expect(halfOpen.connect(held, to: endpoint) == held)
        let regular = try HonestAgencies(5, endpoint)
        _ = try regular.work(chunks: 5)
        let after = service.residentBytes
        try writeOutput(
            "storms: \(attempts) connection attempts, \(held) half-open connections; resident memory \(before >> 20) MB "
                + "before, \(after >> 20) MB after")
        #expect(after < 300 << 20)
        try stop(service)
    }

    @Test("others are served despite an agency that reconnects constantly and another that consults constantly")
    func reconnections() throws {
        let folder = try TemporaryFolder()
        let service = try start(.ingest, agencies: 5, folder)
        let winners = try start(.winners, agencies: 5, folder)
        let (ingest, consult) = (try service.waitForAddress(), try winners.waitForAddress())
        let count = Self.isFull ? 10_000 : 300
        for _ in 0..<count {
            let socket = try TestSocket(ingest)
            try socket.send(.hello(Hello(agency: AgencyID(5))))
        }
        let regular = try HonestAgencies(4, ingest)
        _ = try regular.work(chunks: 5)
        let asker = try TestSocket(consult)
        try asker.send(.hello(Hello(agency: AgencyID(1))))
        _ = try asker.receiveMessage()
        let question = Message.consultWinners(waitMilliseconds: 0).encoded
        for _ in 0..<count {
            try asker.send(question)
            guard case .notDrawnYet = try asker.receiveMessage() else {
                Issue.record("a consultation was not answered")
                return
            }
        }
        try writeOutput("reconnections: \(count) of one agency, \(count) consultations of another")
        try stop(service)
        try stop(winners)
    }
}
