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
        try compare("slow crowd", size, service, crowd: endpoint, regular: endpoint) { index in
            Message.hello(Hello(agency: AgencyID(UInt32(51 + index)))).encoded + [0, 0, 16, 0, 2]
        }
        try stop(service)
    }

    @Test(
        "a crowd of TLS handshakes at one byte a second does not slow regular agencies down",
        .enabled(if: Tunnel.isInstalled, "skipped: stunnel is not installed (Debian's stunnel4)"))
    func slowHandshakes() throws {
        let size = Self.isFull ? 10_000 : 300
        let folder = try TemporaryFolder()
        for arguments in [["init"], ["service", "--name", "127.0.0.1"]] {
            let pki = try TestProgram("bet-ingest", ["pki"] + arguments, in: folder.path)
            #expect(try pki.waitForExit() == 0)
        }
        _ = try DescriptorLimit.raise()
        let service = try TestProgram.start(
            .ingest, data: folder.path + "/data", agencies: 50,
            settings: [
                "tls.mode=required", "tls.certificate=pki/service.pem", "tls.key=pki/service.key",
                "ingest.helloSeconds=3600",
            ], in: folder.path)
        let endpoint = try service.waitForAddress()
        // Regular agencies use OpenSSL, through a tunnel, whose cost is in both measurements.
        let port = try Tunnel.freePort()
        let tunnel = try Tunnel.start(
            "client = yes\n[lottery]\naccept = 127.0.0.1:\(port)\nconnect = \(endpoint)\nCAfile = pki/root.pem\nverifyChain = yes\n",
            in: folder)
        // The start of a ClientHello of 512 bytes, which never ends.
        try compare(
            "slow handshakes", size, service, crowd: endpoint, regular: Endpoint(host: "127.0.0.1", port: port)
        ) { _ in [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3] + [UInt8](repeating: 7, count: 500) }
        tunnel.signal(SIGKILL)
        _ = try tunnel.waitForExit()
        try stop(service)
    }

    /// Compares regular agencies alone with the same beside a crowd, each of whose connections sends a byte a second.
    ///
    /// - Parameter bytes: those of a connection, by its index, again and again.
    private func compare(
        _ name: String, _ size: Int, _ service: TestProgram, crowd endpoint: Endpoint, regular: Endpoint,
        bytes: @escaping @Sendable (Int) -> [UInt8]
    ) throws {
        let regular = try HonestAgencies(50, regular)
        _ = try regular.work(chunks: 20)
        var (alone, beside): ([Duration], [Duration]) = ([], [])
        for _ in 0..<3 {
            // First lets the service finish with the connections that were just opened or closed.
            _ = try regular.work(chunks: Self.isFull ? 200 : 20)
            alone.append(try regular.work(chunks: Self.isFull ? 100 : 20).percentile(99))
            let crowd = Crowd()
            #expect(crowd.connect(size, to: endpoint) == size)
            beside.append(
                try withTrickle(crowd, bytes) {
                    _ = try regular.work(chunks: Self.isFull ? 200 : 20)
                    return try regular.work(chunks: Self.isFull ? 100 : 20).percentile(99)
                })
            crowd.closeAll()
        }
        let ratio = beside.median.milliseconds / alone.median.milliseconds
        try writeOutput(
            "\(name): \(size) connections at a byte a second, 50 regular agencies: p99 \(alone.median.milliseconds) ms "
                + "alone, \(beside.median.milliseconds) ms beside it, ratio \(ratio)")
        #expect(service.residentBytes < 600 << 20)
    }

    /// Runs `body` while every connection of a crowd sends a byte each second.
    private func withTrickle<Result>(
        _ crowd: Crowd, _ bytes: @escaping @Sendable (Int) -> [UInt8], _ body: () throws -> Result
    ) rethrows -> Result {
        let isDone = Monitor(false)
        let sockets = crowd.sockets
        let thread = NamedThread("trickle") {
            var position = 0
            while true {
                for (index, socket) in sockets.enumerated() {
                    let bytes = bytes(index)
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
