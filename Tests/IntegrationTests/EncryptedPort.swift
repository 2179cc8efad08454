import Glibc
import Platform
import TestKit
import Testing

/// How a test's peers reach bet-ingest's port.
enum Entrance: String, CustomTestStringConvertible {
    case plain, encrypted

    /// Without stunnel, an encrypted port cannot be reached by peers that share no code with it.
    static var all: [Entrance] { Tunnel.isInstalled ? [.plain, .encrypted] : [.plain] }

    var testDescription: String { rawValue }
}

/// The real services, whose ingest port is plain, or has TLS and is reached through stunnel.
struct EncryptedPort {
    let services: Services
    let address: Endpoint
    private let tunnel: TestProgram?

    init(_ entrance: Entrance, agencies: Int, settings: [String] = []) throws {
        guard entrance == .encrypted else {
            services = try Services(agencies: agencies, settings: settings)
            (address, tunnel) = (services.ingestAddress, nil)
            return
        }
        let folder = try TemporaryFolder()
        services = try Services(
            agencies: agencies, settings: settings + Tunnel.encryption(in: folder), folder: folder)
        let (address, tunnel) = try Tunnel.open(to: services.ingestAddress, in: folder)
        (self.address, self.tunnel) = (address, tunnel)
    }

    /// Stops everything; the ledger must verify.
    func stop() throws {
        tunnel?.signal(SIGKILL)
        _ = try tunnel?.waitForExit()
        try services.stop()
    }
}
