import Foundation
import Glibc
import Platform
import TestKit
import Testing

@testable import Pki

/// A dialect's port reached through stunnel, with the configuration of docs/security.md.
struct TunnelTests {
    /// Starts stunnel with a section of docs/security.md.
    private func start(_ name: String, _ replacements: [(String, String)], in folder: TemporaryFolder) throws
        -> TestProgram
    {
        let blocks = try Repository.text("docs/security.md").split(separator: "```\n")
        var text = String(try #require(blocks.first { $0.contains(name) }))
        for (old, new) in replacements {
            #expect(text.contains(old), "docs/security.md has no \(old)")
            text = text.replacing(old, with: new)
        }
        return try Tunnel.start(text, in: folder)
    }

    @Test(
        "an agency of a dialect enters through stunnel with its certificate; another's certificate and no tunnel do not",
        .enabled(if: Tunnel.isInstalled, "skipped: stunnel is not installed (Debian's stunnel4)"))
    func tunnel() throws {
        let tls = try TLSServices(
            agencies: [1, 3], others: ["{ id: 9, dialects: [pipe], addresses: [\"127.0.1.3\"] }"],
            settings: ["dialects.pipe=127.0.0.1:0"])
        let (pki, folder) = (tls.pki, tls.folder)
        let pipe = try tls.services.ingest.waitForAddress(port: "pipe")
        let (outer, inner, other) = (try Tunnel.freePort(), try Tunnel.freePort(), try Tunnel.freePort())
        let chain = try [pki.certificatePath("agency-3"), pki.certificatePath("root")].map { try pki.text($0) }.joined()
        try chain.write(toFile: folder.path + "/chain.pem", atomically: true, encoding: .utf8)
        let server = try start(
            "[agency-3]",
            [
                ("0.0.0.0:22303", "127.0.0.1:\(outer)"),
                ("/srv/quiniela/pki/service.pem", pki.certificatePath("service")),
                ("/srv/quiniela/pki/service.key", pki.keyPath("service")), ("127.0.0.1:12355", "\(pipe)"),
                ("/etc/stunnel/agency-3-and-issuers.pem", folder.path + "/chain.pem"),
            ], in: folder)
        func client(_ name: String, _ port: Int) throws -> TestProgram {
            try start(
                "client = yes",
                [
                    ("accept = 127.0.0.1:12355", "accept = 127.0.0.1:\(port)"),
                    ("lottery.example:22303", "127.0.0.1:\(outer)"),
                    ("checkHost = lottery.example", "checkHost = localhost"),
                    ("/etc/stunnel/agency-3.pem", pki.certificatePath(name)),
                    ("/etc/stunnel/agency-3.key", pki.keyPath(name)),
                    ("/etc/stunnel/root.pem", pki.certificatePath("root")),
                ], in: folder)
        }
        let clients = try [client("agency-3", inner), client("agency-1", other)]
        func ask(_ port: Int, _ agency: Int) throws -> [UInt8] {
            let socket = try TestSocket(Endpoint(host: "127.0.0.1", port: port))
            let text = "\(agency)|Ana|Luz|30904465|1999-03-17|7574\n"
            try socket.send(UInt32(text.utf8.count).bigEndianBytes + Array(text.utf8))
            socket.shutDownOutput()
            return Array((try? socket.receiveToEnd()) ?? []).dropFirst(4) + []
        }
        #expect(try ask(inner, 9) == Array("ACK\n".utf8))
        #expect(try ask(inner, 3) == Array("REJECTED 0\n".utf8))
        #expect(try ask(other, 9) == [])
        #expect(try ask(pipe.port, 9) == Array("REJECTED 0\n".utf8))
        for program in [server] + clients {
            program.signal(SIGKILL)
            _ = try program.waitForExit()
        }
        try tls.services.stop()
    }
}
