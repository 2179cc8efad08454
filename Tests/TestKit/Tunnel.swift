import Foundation
private import Glibc
package import Platform

/// stunnel, a TLS tunnel that shares no code with Quiniela.
package enum Tunnel {
    private static let path = ["/usr/bin/stunnel", "/usr/bin/stunnel4"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    package static var isInstalled: Bool { path != nil }

    /// A port that is free now.
    package static func freePort() throws -> Int {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(fd) }
        guard TestSocket.call(bind, fd, host: "127.0.0.1", port: 0) == 0 else {
            throw TestSocket.Failure.connect(errno)
        }
        var (address, size) = (sockaddr_in(), socklen_t(MemoryLayout<sockaddr_in>.size))
        withUnsafeMutablePointer(to: &address) {
            _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(fd, $0, &size) }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Starts stunnel with a configuration; end it with SIGKILL.
    package static func start(_ configuration: String, in folder: TemporaryFolder) throws -> TestProgram {
        let file = folder.path + "/\(UUID().uuidString).conf"
        try "foreground = yes\npid =\n\(configuration)".write(toFile: file, atomically: true, encoding: .utf8)
        let program = try TestProgram(path ?? "/usr/bin/stunnel", [file], in: folder.path)
        try program.waitForLog("Configuration successful")
        return program
    }

    /// Makes a root and a certificate for 127.0.0.1 with the real `bet-ingest pki`.
    ///
    /// - Returns: the services' settings for TLS on their ports.
    package static func encryption(in folder: TemporaryFolder) throws -> [String] {
        for arguments in [["init"], ["service", "--name", "127.0.0.1"]] {
            let pki = try TestProgram("bet-ingest", ["pki"] + arguments, in: folder.path)
            guard try pki.waitForExit() == 0 else { throw TestProgram.Failure.deadline("pki", log: pki.log) }
        }
        return ["tls.mode=required", "tls.certificate=pki/service.pem", "tls.key=pki/service.key"]
    }

    /// Starts stunnel as the client of a port with TLS, whose certificate it checks; end it with SIGKILL.
    ///
    /// - Returns: where clients without TLS connect.
    package static func open(to endpoint: Endpoint, in folder: TemporaryFolder) throws -> (Endpoint, TestProgram) {
        let port = try freePort()
        let program = try start(
            "client = yes\n[lottery]\naccept = 127.0.0.1:\(port)\nconnect = \(endpoint)\nCAfile = pki/root.pem\nverifyChain = yes\n",
            in: folder)
        return (Endpoint(host: "127.0.0.1", port: port), program)
    }
}
