private import Glibc
private import NIOCore
internal import NIOSSL
private import Platform
package import Shell

/// A certificate with the chain to its root, and its private key, from two PEM files.
package struct KeyPair: Sendable {
    internal let chain: [NIOSSLCertificate]
    internal let key: NIOSSLPrivateKey
    /// How many days before its end a certificate should be renewed.
    package static let warningDays = 14

    /// The algorithms of a peer's key; Ed25519 is not among the library's defaults.
    internal static let signatureAlgorithms: [SignatureAlgorithm] = [
        .ed25519, .ecdsaSecp256R1Sha256, .ecdsaSecp384R1Sha384, .rsaPssRsaeSha256, .rsaPssRsaeSha384,
    ]

    /// When the certificate ends, in seconds since 1970.
    package let validTo: Int

    /// Reads the two files; blocks.
    ///
    /// - Throws: ``ConfigurationError``: a file is missing or damaged, others can read the key, or it is another
    ///   certificate's.
    package init(certificate: String, key: String) throws(ConfigurationError) {
        guard let mode = FileMode(of: key) else { throw ConfigurationError(["there is no file \(key)"]) }
        if let fault = mode.fault(of: key, with: "the key") { throw ConfigurationError([fault]) }
        chain = try Self.certificates(certificate)
        do {
            self.key = try NIOSSLPrivateKey(file: key, format: .pem)
        } catch {
            throw ConfigurationError(["\(key): a private key in PEM is expected, without a password"])
        }
        guard let leaf = chain.first else { throw ConfigurationError(["\(certificate) has no certificate"]) }
        validTo = Int(leaf.notValidAfter)
        do {
            _ = try NIOSSLContext(
                configuration: .makeServerConfiguration(certificateChain: sources, privateKey: .privateKey(self.key)))
        } catch {
            throw ConfigurationError(["\(key) is not the key of \(certificate): \(TLSFault.text(error))"])
        }
    }

    internal var sources: [NIOSSLCertificateSource] { chain.map { .certificate($0) } }

    /// Reads the certificates of a PEM file; blocks.
    internal static func certificates(_ path: String) throws(ConfigurationError) -> [NIOSSLCertificate] {
        do {
            let certificates = try NIOSSLCertificate.fromPEMFile(path)
            if !certificates.isEmpty { return certificates }
        } catch {
            if access(path, F_OK) != 0 { throw ConfigurationError(["there is no file \(path)"]) }
            if access(path, R_OK) != 0 { throw ConfigurationError(["\(path) cannot be read by this user"]) }
        }
        throw ConfigurationError(["\(path): certificates in PEM are expected"])
    }
}
