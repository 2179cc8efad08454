import Domain

/// A reader of big-endian integers and length-prefixed strings.
package struct ByteReader {
    package let bytes: [UInt8]
    /// The position of the next byte, 0-based.
    package private(set) var index = 0

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    package var remainingBytes: Int { bytes.count - index }

    package mutating func readInteger<Value: FixedWidthInteger & UnsignedInteger>(
        _ type: Value.Type = Value.self
    ) throws(MessageFault) -> Value {
        let width = Value.bitWidth / 8
        guard remainingBytes >= width else { throw .truncated(atByte: bytes.count) }
        var value: Value = 0
        for offset in index..<index + width {
            value = width == 1 ? Value(bytes[offset]) : value << 8 | Value(bytes[offset])
        }
        index += width
        return value
    }

    /// Reads a `string8`: a length of one byte, then UTF-8.
    package mutating func readString8() throws(MessageFault) -> String {
        try readString(byteCount: Int(try readInteger(UInt8.self)))
    }

    /// Reads a `string16`: a length of two bytes, then UTF-8.
    package mutating func readString16() throws(MessageFault) -> String {
        try readString(byteCount: Int(try readInteger(UInt16.self)))
    }

    /// Checks that the message fills its frame.
    package func finish() throws(MessageFault) {
        if remainingBytes > 0 { throw .trailingBytes(atByte: index, count: remainingBytes) }
    }

    package mutating func skip(byteCount: Int) {
        index += byteCount
    }

    private mutating func readString(byteCount: Int) throws(MessageFault) -> String {
        guard remainingBytes >= byteCount else { throw .truncated(atByte: bytes.count) }
        let slice = bytes[index..<index + byteCount]
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw .textNotUTF8(atByte: index)
        }
        index += byteCount
        return text
    }
}

extension [UInt8] {
    /// Appends a big-endian integer.
    package mutating func append<Value: FixedWidthInteger>(bigEndian value: Value) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// Appends a `string8`, truncated at a character boundary to 255 bytes.
    package mutating func append(string8 text: String) {
        let bytes = text.cutToUTF8(maxBytes: 255)
        append(UInt8(bytes.count))
        append(contentsOf: bytes)
    }

    /// Appends a `string16`, truncated at a character boundary to `Limits.maxReasonBytes`.
    package mutating func append(string16 text: String) {
        let bytes = text.cutToUTF8(maxBytes: Limits.maxReasonBytes)
        append(bigEndian: UInt16(bytes.count))
        append(contentsOf: bytes)
    }
}

extension String {
    fileprivate func cutToUTF8(maxBytes: Int) -> [UInt8] {
        var text = Substring(self)
        while text.utf8.count > maxBytes { text = text.dropLast() }
        return Array(text.utf8)
    }
}
