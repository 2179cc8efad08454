/// The reason of a failed handshake, for people.
package enum TLSFault {
    static let invalid = "its certificate has another root, has ended or is not valid yet"
    private static let wrongName = "its certificate is not for the name or address connected to"
    /// The names that BoringSSL gives its errors, and what they mean.
    private static let meanings: [(name: String, meaning: String)] = [
        ("EOF during handshake", "it disconnected during the handshake"),
        ("HTTP_REQUEST", "it does not speak TLS"), ("WRONG_VERSION_NUMBER", "it does not speak TLS"),
        ("INVALID_OUTER_RECORD", "it does not speak TLS"), ("INVALID_SSL_RECORD", "it does not speak TLS"),
        ("failedToValidateHostname", wrongName), ("unableToValidateCertificate", wrongName),
        ("UNSUPPORTED_PROTOCOL", "it does not speak TLS 1.3"), ("PROTOCOL_VERSION", "it does not speak TLS 1.3"),
        ("ALERT_UNKNOWN_CA", "it does not know the root of this side's certificate"),
        ("ALERT_CERTIFICATE_EXPIRED", "it says that this side's certificate has ended or is not valid yet"),
        ("ALERT_BAD_CERTIFICATE", "it rejects this side's certificate"),
        ("ALERT_CERTIFICATE_UNKNOWN", "it rejects this side's certificate"),
        ("ALERT_CERTIFICATE_REQUIRED", "it requires a certificate"),
        ("CERTIFICATE_VERIFY_FAILED", invalid), ("uncleanShutdown", "the connection was cut"),
    ]

    /// The text of an error of a TLS handshake or connection; for other errors their own.
    package static func text(_ error: any Error) -> String {
        let text = "\(error)"
        if let meaning = meanings.first(where: { text.contains($0.name) }) { return meaning.meaning }
        return text
    }
}
