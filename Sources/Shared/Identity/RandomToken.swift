private import Foundation

/// A new token: 256 random bits as text without characters that a shell or an address would change.
package enum RandomToken {
    package static func make() -> String {
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        return Data(bytes).base64EncodedString().replacing("/", with: "_").replacing("+", with: "-")
            .replacing("=", with: "")
    }
}
