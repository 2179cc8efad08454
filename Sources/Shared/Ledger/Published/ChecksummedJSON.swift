private import Foundation
private import WireProtocol

/// The form of a JSON file that holds the SHA-256 of its own object: `{"sha256":"…","result":{…}}`.
///
/// The checksum covers the object's bytes, so that no flipped bit is ever used.
package struct ChecksummedJSON: Sendable {
    package enum Fault: Error, Equatable, Sendable {
        /// The file does not have this form, or its object other fields.
        case form
        case checksum
    }

    private let middle: [UInt8]

    private static let opening = Array(#"{"sha256":""#.utf8)
    private static let closing = Array("}\n".utf8)

    /// - Parameter name: the key of the object.
    package init(name: String) {
        middle = Array(#"",""#.utf8) + Array(name.utf8) + Array(#"":"#.utf8)
    }

    /// The file's bytes.
    package func bytes(_ object: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        guard let body = try? encoder.encode(object) else {
            preconditionFailure("strings and integers cannot be encoded")
        }
        return Self.opening + Array(hexadecimal(SHA256.hash(data: Array(body))).utf8) + middle + body + Self.closing
    }

    /// Reads the object of a file.
    package func read<Object: Decodable>(_ type: Object.Type, from bytes: [UInt8]) throws(Fault) -> Object {
        let bodyIndex = Self.opening.count + 64 + middle.count
        guard bytes.count >= bodyIndex + Self.closing.count, bytes.starts(with: Self.opening),
            bytes[(bodyIndex - middle.count)...].starts(with: middle),
            bytes.suffix(Self.closing.count).elementsEqual(Self.closing)
        else { throw .form }
        let body = Data(bytes[bodyIndex..<bytes.count - Self.closing.count])
        let expected = bytes[Self.opening.count..<Self.opening.count + 64]
        guard expected.elementsEqual(hexadecimal(SHA256.hash(data: Array(body))).utf8) else { throw .checksum }
        guard let object = try? JSONDecoder().decode(Object.self, from: body) else { throw .form }
        return object
    }
}
