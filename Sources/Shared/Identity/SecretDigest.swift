private import Ledger
private import WireProtocol

/// The SHA-256 of a token or of a certificate's public key, as the roster holds it: `sha256:` and 64 hexadecimal digits.
///
/// Compared in constant time: how long a comparison takes says nothing about the digest.
package struct SecretDigest: Sendable, CustomStringConvertible {
    private let bytes: [UInt8]

    /// The digest of a secret's bytes.
    package init(of secret: some Sequence<UInt8>) {
        bytes = SHA256.hash(data: Array(secret))
    }

    /// Reads the text form; nil for other text.
    package init?(_ text: String) {
        let prefix = "sha256:"
        guard text.hasPrefix(prefix) else { return nil }
        let digits = Array(text.utf8.dropFirst(prefix.utf8.count))
        guard digits.count == 64 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: 64, by: 2) {
            guard let high = Self.value(digits[index]), let low = Self.value(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        self.bytes = bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    package var description: String { "sha256:" + hexadecimal(bytes) }
}

extension SecretDigest: Equatable {
    package static func == (left: SecretDigest, right: SecretDigest) -> Bool {
        var difference: UInt8 = 0
        for index in 0..<32 { difference |= left.bytes[index] ^ right.bytes[index] }
        return difference == 0
    }
}
