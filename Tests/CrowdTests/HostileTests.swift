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

    /// The start of a ClientHello of 512 bytes.
    private static let clientHello: [UInt8] =
        [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3] + [UInt8](repeating: 7, count: 500)

    private func start(
        _ service: TestService, agencies: Int, _ folder: TemporaryFolder, settings: [String] = []
    ) throws -> TestProgram {
        _ = try DescriptorLimit.raise()
        return try TestProgram.start(
            service, data: folder.path + "/data", agencies: agencies, settings: settings, in: folder.path)
    }

    private func end(_ tunnel: TestProgram) throws {
        tunnel.signal(SIGKILL)
        _ = try tunnel.waitForExit()
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
        let service = try start(
            .ingest, agencies: 50, folder,
            settings: try Tunnel.encryption(in: folder) + ["ingest.helloSeconds=3600"])
        let endpoint = try service.waitForAddress()
        // Regular agencies use OpenSSL, through a tunnel, whose cost is in both measurements.
        let (regular, tunnel) = try Tunnel.open(to: endpoint, in: folder)
        // The start of a ClientHello of 512 bytes, which never ends.
        try compare("slow handshakes", size, service, crowd: endpoint, regular: regular) { _ in Self.clientHello }
        try end(tunnel)
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
        let folder = try TemporaryFolder()
        let service = try start(.ingest, agencies: 5, folder)
        let endpoint = try service.waitForAddress()
        let hello = Message.hello(Hello(agency: AgencyID(9))).encoded
        try storm("storms", service, at: endpoint, regular: endpoint, kinds: [[], Self.claim, [0, 0, 0], hello])
        try stop(service)
    }

    @Test(
        "the same on the TLS port: frames, silence, the starts of handshakes, and frames of 4 GB after a handshake",
        .enabled(if: Tunnel.isInstalled, "skipped: stunnel is not installed (Debian's stunnel4)"))
    func encryptedStorms() throws {
        let folder = try TemporaryFolder()
        let service = try start(.ingest, agencies: 5, folder, settings: try Tunnel.encryption(in: folder))
        let endpoint = try service.waitForAddress()
        let (inner, tunnel) = try Tunnel.open(to: endpoint, in: folder)
        let record: [UInt8] = [0x17, 3, 3, 0xFF, 0xFF]
        try storm(
            "storms on TLS", service, at: endpoint, regular: inner,
            kinds: [[], Self.claim, Self.clientHello, Array(Self.clientHello.prefix(40)), record])
        let before = service.residentBytes
        for _ in 0..<(Self.isFull ? 5000 : 200) {
            let socket = try TestSocket(inner)
            try socket.send(Self.claim)
            #expect(try !socket.receiveToEnd().isEmpty)
        }
        #expect(service.residentBytes - before < 100 << 20)
        _ = try HonestAgencies(5, inner).work(chunks: 5)
        try end(tunnel)
        try stop(service)
    }

    private static let claim: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]

    /// Opens connections, each of which sends bytes of one of `kinds` and closes; then holds many that send nothing.
    private func storm(
        _ name: String, _ service: TestProgram, at endpoint: Endpoint, regular: Endpoint, kinds: [[UInt8]]
    ) throws {
        let environment = ProcessInfo.processInfo.environment
        let attempts = environment["STORM"].flatMap(Int.init) ?? (Self.isFull ? 200_000 : 5_000)
        let before = service.residentBytes
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
        let agencies = try HonestAgencies(5, regular)
        _ = try agencies.work(chunks: 5)
        let after = service.residentBytes
        try writeOutput(
            "\(name): \(attempts) connection attempts, \(held) half-open connections; resident memory \(before >> 20) MB "
                + "before, \(after >> 20) MB after")
        #expect(after < 300 << 20)
        halfOpen.closeAll()
    }

    @Test("others are served despite an agency that reconnects constantly and another that consults constantly")
    func reconnections() throws {
        let folder = try TemporaryFolder()
        let service = try start(.ingest, agencies: 5, folder)
        let winners = try start(.winners, agencies: 5, folder)
        try reconnect("reconnections", ingest: service.waitForAddress(), winners: winners.waitForAddress())
        try stop(service)
        try stop(winners)
    }

    @Test(
        "the same over TLS, with a handshake for each connection",
        .enabled(if: Tunnel.isInstalled, "skipped: stunnel is not installed (Debian's stunnel4)"))
    func encryptedReconnections() throws {
        let folder = try TemporaryFolder()
        let settings = try Tunnel.encryption(in: folder)
        let service = try start(.ingest, agencies: 5, folder, settings: settings)
        let winners = try start(.winners, agencies: 5, folder, settings: settings)
        let (ingest, outer) = try Tunnel.open(to: service.waitForAddress(), in: folder)
        let (consult, other) = try Tunnel.open(to: winners.waitForAddress(), in: folder)
        try reconnect("reconnections over TLS", ingest: ingest, winners: consult)
        for tunnel in [outer, other] { try end(tunnel) }
        try stop(service)
        try stop(winners)
    }

    private func reconnect(_ name: String, ingest: Endpoint, winners: Endpoint) throws {
        let count = Self.isFull ? 10_000 : 300
        for _ in 0..<count {
            let socket = try TestSocket(ingest)
            try socket.send(.hello(Hello(agency: AgencyID(5))))
        }
        let regular = try HonestAgencies(4, ingest)
        _ = try regular.work(chunks: 5)
        let asker = try TestSocket(winners)
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
        try writeOutput("\(name): \(count) of one agency, \(count) consultations of another")
    }
}
