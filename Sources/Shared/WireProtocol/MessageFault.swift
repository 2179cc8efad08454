/// The reason that a frame is not a message; byte positions count from its type byte, 0.
package enum MessageFault: Error, Equatable, Sendable, CustomStringConvertible {
    case unknownType(UInt8)
    case truncated(atByte: Int)
    case trailingBytes(atByte: Int, count: Int)
    case textNotUTF8(atByte: Int)

    package var description: String {
        switch self {
        case .unknownType(let type):
            "0x\(String(type, radix: 16)) is not a message type"
        case .truncated(let index):
            "the message ends at byte \(index), before its last field"
        case .trailingBytes(let index, let count):
            "\(count) bytes follow the message at byte \(index)"
        case .textNotUTF8(let index):
            "the text at byte \(index) is not valid UTF-8"
        }
    }
}
