private import NIOCore
package import Platform

/// The reason a port cannot be opened.
package struct ListenFailure: Error, CustomStringConvertible {
    private let key: String
    private let endpoint: Endpoint
    private let reason: String

    /// - Parameter key: the configuration key, for example `ingest.listen`.
    package init(key: String, endpoint: Endpoint, error: any Error) {
        self.key = key
        self.endpoint = endpoint
        reason = (error as? IOError).map { SystemCall.errorText($0.errnoCode) } ?? "\(error)"
    }

    package var description: String {
        "\(key) \(endpoint): \(reason); choose another address with --listen or in config.yaml"
    }
}
