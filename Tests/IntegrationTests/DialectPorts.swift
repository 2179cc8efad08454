import Dialects
import Platform
import TestKit

/// The two services with a port for every dialect.
struct DialectPorts {
    let services: Services
    private let ports: [String: Endpoint]

    init(agencies: Int = 5, settings: [String] = []) throws {
        let keys = DialectRegistry.ports.map { "dialects.\($0.key)=127.0.0.1:0" }
        services = try Services(agencies: agencies, settings: settings + keys)
        var ports: [String: Endpoint] = [:]
        for port in DialectRegistry.ports {
            let program = port.isWinners ? services.winners : services.ingest
            ports[port.key] = try program.waitForAddress(port: port.key)
        }
        self.ports = ports
    }

    subscript(name: String) -> Endpoint {
        guard let endpoint = ports[name] else { preconditionFailure("no port \(name)") }
        return endpoint
    }
}
