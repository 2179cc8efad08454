import Crypto
import Foundation
import Identity
import SwiftASN1
import X509

/// The certificates of a lottery, without files: a root, an issuing authority, services and agencies.
///
/// Pure, except for the random numbers of keys and serial numbers.
enum CertificateForm {
    /// The algorithm of new keys.
    enum Algorithm: String, CaseIterable {
        case p256
        case ed25519

        func makeKey() -> Certificate.PrivateKey {
            switch self {
            case .p256: Certificate.PrivateKey(P256.Signing.PrivateKey())
            case .ed25519: Certificate.PrivateKey(Curve25519.Signing.PrivateKey())
            }
        }
    }

    /// The subject of a certificate, and what it may be used for.
    enum Kind: Equatable {
        case root
        case issuing
        /// Host names and addresses; a peer is also a client of others, as the servers of a cluster are.
        case service([String], isPeer: Bool)
        case agency

        fileprivate var days: Int {
            switch self {
            case .root: 3650
            case .issuing: 1825
            case .service, .agency: 90
            }
        }
    }

    /// A certificate with the key that signs others.
    struct Authority {
        var certificate: Certificate
        var key: Certificate.PrivateKey
    }

    /// Clocks may differ by this much.
    private static let clockSkew = 300.0

    /// Makes a certificate.
    ///
    /// - Parameters:
    ///   - issuer: nil: it signs itself with `selfKey`.
    ///   - now: the start of its validity, less five minutes.
    static func make(
        _ kind: Kind, name: String, publicKey: Certificate.PublicKey, issuer: Authority?,
        selfKey: Certificate.PrivateKey? = nil,
        now: Date
    ) throws -> Certificate {
        let subject = try DistinguishedName {
            OrganizationName("Quiniela")
            CommonName(name)
        }
        guard let signingKey = issuer?.key ?? selfKey else { preconditionFailure("a certificate without an issuer") }
        let identifier = SubjectKeyIdentifier(hash: issuer?.certificate.publicKey ?? publicKey)
        let end = now.addingTimeInterval(Double(kind.days) * 86_400)
        // No certificate outlives the one that signed it.
        let validTo = issuer.map { min($0.certificate.notValidAfter, end) } ?? end
        return try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
            notValidBefore: now.addingTimeInterval(-clockSkew), notValidAfter: validTo,
            issuer: issuer?.certificate.subject ?? subject, subject: subject,
            extensions: Certificate.Extensions {
                switch kind {
                case .root, .issuing:
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: kind == .root ? 1 : 0))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                case .service(let names, let isPeer):
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage(isPeer ? [.serverAuth, .clientAuth] : [.serverAuth])
                    SubjectAlternativeNames(names.map(generalName))
                case .agency:
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([.clientAuth])
                }
                SubjectKeyIdentifier(hash: publicKey)
                AuthorityKeyIdentifier(keyIdentifier: identifier.keyIdentifier)
            }, issuerPrivateKey: signingKey)
    }

    private static func generalName(_ name: String) -> GeneralName {
        if let address = PeerAddress(name) { return .ipAddress(ASN1OctetString(contentBytes: address.bytes[...])) }
        return .dnsName(name)
    }

    /// The host names and addresses of a service's certificate.
    static func names(of certificate: Certificate) throws -> [String] {
        try certificate.extensions.subjectAlternativeNames?.compactMap { name in
            switch name {
            case .dnsName(let text): text
            case .ipAddress(let octets): PeerAddress(bytes: Array(octets.bytes))?.description
            default: nil
            }
        } ?? []
    }

    /// Whether a service's certificate is also for a client.
    static func isPeer(_ certificate: Certificate) throws -> Bool {
        try certificate.extensions.extendedKeyUsage?.contains(.clientAuth) == true
    }

    /// The digest that the roster compares: SHA-256 of the SubjectPublicKeyInfo.
    static func digest(of key: Certificate.PublicKey) throws -> SecretDigest {
        SecretDigest(of: try key.serializeAsPEM().derBytes)
    }

    /// The common name of a subject; nil without one.
    static func commonName(of subject: DistinguishedName) -> String? {
        subject.lazy.flatMap { $0 }.first { $0.type == .RDNAttributeType.commonName }.flatMap { String($0.value) }
    }
}
