private import Glibc

/// Reports a property that does not hold and aborts the process.
///
/// A precondition does not suffice: an optimised build drops its message.
package func violated(_ what: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
    let text = Array("violated, \(file):\(line): \(what)\n".utf8)
    _ = write(STDERR_FILENO, text, text.count)
    abort()
}

/// Checks a property; a violation aborts the process.
package func require(
    _ holds: Bool, _ what: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
    if !holds { violated(what(), file: file, line: line) }
}

/// Formats up to 400 bytes in hexadecimal, after their total number.
package func shown(_ bytes: some Collection<UInt8>) -> String {
    let text = bytes.prefix(400).map { String($0, radix: 16) }.joined(separator: " ")
    return "[\(bytes.count)] \(text)"
}

/// Whether bytes are equal, compared without a branch per byte that libFuzzer would trace.
package func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && isEqual(left, right, in: 0..<left.count)
}

/// Whether bytes are equal in a range that both have.
package func isEqual(_ left: [UInt8], _ right: [UInt8], in range: Range<Int>) -> Bool {
    left[range].withUnsafeBytes { left in
        right[range].withUnsafeBytes { right in
            guard let start = left.baseAddress, let other = right.baseAddress else { return true }
            return memcmp(start, other, range.count) == 0
        }
    }
}
