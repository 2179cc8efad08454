package import NIOCore
internal import NIOSSL
package import Shell

/// The roots, certificate and key of a client.
package struct ClientTLS: Sendable {
    private let context: NIOSSLContext
    /// When the client's certificate ends, in seconds since 1970; nil without one.
    package let validTo: Int?

    /// Reads the files; blocks.
    ///
    /// - Parameters:
    ///   - roots: the PEM file with the roots that may have signed the services' certificates.
    ///   - pair: nil if a token proves the client.
    /// - Throws: ``ConfigurationError``.
    package init(roots: String, pair: KeyPair?) throws(ConfigurationError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        configuration.trustRoots = .certificates(try KeyPair.certificates(roots))
        configuration.shutdownTimeout = .milliseconds(200)
        configuration.verifySignatureAlgorithms = KeyPair.signatureAlgorithms
        if let pair {
            configuration.certificateChain = pair.sources
            configuration.privateKey = .privateKey(pair.key)
        }
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw ConfigurationError(["\(roots): \(TLSFault.text(error))"])
        }
        validTo = pair?.validTo
    }

    /// Adds TLS to a new channel; the service's certificate must be for `host`.
    package func add(to channel: any Channel, host: String) throws {
        let isName = (try? SocketAddress(ipAddress: host, port: 0)) == nil
        try channel.pipeline.syncOperations.addHandler(
            NIOSSLClientHandler(context: context, serverHostname: isName ? host : nil))
    }
}
