private import NIOCore
package import NIOSSL
package import Shell

extension ServerTLS {
    /// The settings of a port for browsers, with the services' certificate; blocks.
    ///
    /// - Throws: ``ConfigurationError``, as for the services.
    package static func forPages(certificate: String, key: String) throws(ConfigurationError) -> TLSConfiguration {
        let pair = try KeyPair(certificate: certificate, key: key)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: pair.sources, privateKey: .privateKey(pair.key))
        configuration.minimumTLSVersion = .tlsv13
        return configuration
    }
}
