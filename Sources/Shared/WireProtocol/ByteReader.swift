import Domain

/// A reader of big-endian integers and length-prefixed strings from the start of a frame, never beyond its end.
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

    /// Checks that the frame ends here: bytes after a message inside its frame are a fault.
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
    /// Appends an integer in big-endian byte order.
    package mutating func append<Value: FixedWidthInteger>(bigEndian value: Value) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// Appends a `string8`.
    ///
    /// Text longer than 255 bytes is truncated at a character boundary.
    package mutating func append(string8 text: String) {
        let bytes = text.cutToUTF8(maxBytes: 255)
        append(UInt8(bytes.count))
        append(contentsOf: bytes)
    }

    /// Appends a `string16`.
    ///
    /// Text longer than `Limits.maxReasonBytes` is truncated at a character boundary.
    package mutating func append(string16 text: String) {
        let bytes = text.cutToUTF8(maxBytes: Limits.maxReasonBytes)
        append(bigEndian: UInt16(bytes.count))
        append(contentsOf: bytes)
    }
}

extension String {
    /// Returns the UTF-8 of the longest prefix of whole characters that fits `maxBytes`.
    fileprivate func cutToUTF8(maxBytes: Int) -> [UInt8] {
        var text = Substring(self)
        while text.utf8.count > maxBytes { text = text.dropLast() }
        return Array(text.utf8)
    }
}
