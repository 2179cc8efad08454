import FuzzKit
import Platform
import Shell

/// Parses `key=value` lines, as flags or variables.
private func pairs(_ bytes: [UInt8]) -> [String: String] {
    var pairs: [String: String] = [:]
    for line in bytes.split(separator: 10) {
        let parts = line.split(separator: 61, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { continue }
        pairs[String(decoding: parts[0], as: UTF8.self)] = String(decoding: parts[1], as: UTF8.self)
    }
    return pairs
}

private func load(
    _ flags: [String: String], _ environment: [String: String], _ file: ConfigurationFile?
) -> Result<ServiceConfiguration, ConfigurationError> {
    Result { () throws(ConfigurationError) in
        try ServiceConfiguration(flags: flags, environment: environment, file: file)
    }
}

/// Never a flag: other users can read a command line.
private let secret = "agency.token"

private func checkAccepted(_ configuration: ServiceConfiguration) {
    var values: [String: String] = [:]
    for (path, value) in configuration.values {
        guard let key = ConfigurationKey.all.first(where: { $0.path == path }) else { violated("\(path) is not a key") }
        require(key.accepts(value), "\(path) is \(value)")
        if path != secret { values[path] = value }
    }
    let addresses = [configuration.ingest.addresses, configuration.winners.addresses]
    require(addresses.allSatisfy { !$0.isEmpty }, "a port has no address")
    let endpoints = [configuration.ingest.listen, configuration.winners.listen] + addresses.joined()
    for endpoint in endpoints + configuration.dialects.map(\.endpoint) {
        require(!endpoint.host.isEmpty && (0...65_535).contains(endpoint.port), "\(endpoint) is an endpoint")
    }
    // The effective values, given as flags, result in the same configuration.
    let again: ServiceConfiguration
    switch load(values, [:], nil) {
    case .success(let loaded): again = loaded
    case .failure(let error): violated("\(values) is rejected as flags: \(error.faults)")
    }
    for (old, new) in zip(configuration.values, again.values) where old.0 != secret {
        require(old == new, "\(old.0) is \(new.1) and was \(old.1)")
    }
}

/// Three parts, separated by zero bytes: config.yaml, flags, variables.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzConfiguration(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = FuzzInput(data, count)
    let parts = input.rest().split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false).map { Array($0) }
    let file = ConfigurationFile(path: "config.yaml", text: String(decoding: parts[0], as: UTF8.self))
    let flags = parts.count > 1 ? pairs(parts[1]) : [:]
    let variables = parts.count > 2 ? pairs(parts[2]) : [:]
    for (path, entry) in file.entries {
        require(ConfigurationKey.all.contains { $0.path == path }, "\(path) is not a key")
        require(entry.line > 0, "\(path) is on line \(entry.line)")
    }
    // A file with faults is always rejected; it is checked further only with flags or variables.
    guard file.faults.isEmpty || parts.count > 1 else { return 0 }
    switch load(flags, variables, file) {
    case .success(let configuration):
        require(file.faults.isEmpty, "the file has faults and is accepted: \(file.faults)")
        checkAccepted(configuration)
    case .failure(let error):
        require(!error.faults.isEmpty, "a configuration is rejected without a fault")
        require(error.faults.allSatisfy { !$0.isEmpty }, "a fault is empty")
        require(file.faults.allSatisfy(error.faults.contains), "the file's faults are not reported: \(file.faults)")
    }
    return 0
}
