/// The services, as tests start them.
package enum TestService: String, Sendable {
    case ingest = "bet-ingest"
    case winners = "winners-service"
}

extension TestProgram {
    /// Starts a service.
    ///
    /// - Parameters:
    ///   - data: the data folder, relative to `folder` or absolute.
    ///   - agencies: nil for the configuration's default.
    ///   - listen: `host:port`; port 0 is a free one.
    ///   - settings: `key=value` of the configuration.
    ///   - arguments: other flags.
    ///   - environment: variables to add.
    ///   - folder: the working folder.
    package static func start(
        _ service: TestService, data: String, agencies: Int? = nil, listen: String = "127.0.0.1:0",
        settings: [String] = [], arguments: [String] = [], environment: [String: String] = [:], in folder: String
    ) throws -> TestProgram {
        let settings = (agencies.map { ["agencies=\($0)"] } ?? []) + settings
        return try TestProgram(
            service.rawValue, ["--data", data, "--listen", listen] + settings.flatMap { ["--set", $0] } + arguments,
            environment: environment, in: folder)
    }
}
