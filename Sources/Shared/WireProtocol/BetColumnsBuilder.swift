package import Domain

/// A builder of a chunk's columns.
package struct BetColumnsBuilder: Sendable {
    /// Big-endian, as on the wire.
    private var numbers: [UInt16] = []
    private var birthdates: [UInt32] = []
    private var firstNameLengths: [UInt8] = []
    private var lastNameLengths: [UInt8] = []
    private var documentLengths: [UInt8] = []
    private var firstNames: [UInt8] = []
    private var lastNames: [UInt8] = []
    private var documents: [UInt8] = []

    package private(set) var count = 0
    /// The size of the frame that ``takeChunk(sequence:isLast:)`` would write, including its length field.
    package private(set) var frameBytes = Limits.chunkOverheadBytes

    package init() {}

    /// Appends a valid bet.
    ///
    /// - Precondition: names have 1 … 255 bytes, the document 1 … 20.
    package mutating func append(
        firstName: Span<UInt8>, lastName: Span<UInt8>, document: Span<UInt8>, birthdate: Birthdate,
        number: UInt16
    ) {
        numbers.append(number.bigEndian)
        birthdates.append(birthdate.packed.bigEndian)
        firstNameLengths.append(UInt8(firstName.count))
        lastNameLengths.append(UInt8(lastName.count))
        documentLengths.append(UInt8(document.count))
        firstName.withUnsafeBufferPointer { firstNames.append(contentsOf: $0) }
        lastName.withUnsafeBufferPointer { lastNames.append(contentsOf: $0) }
        document.withUnsafeBufferPointer { documents.append(contentsOf: $0) }
        count += 1
        frameBytes += Limits.fixedBetBytes + firstName.count + lastName.count + document.count
    }

    package mutating func append(_ bet: Bet) {
        append(
            firstName: Array(bet.firstName.utf8).span, lastName: Array(bet.lastName.utf8).span,
            document: Array(bet.document.utf8).span, birthdate: bet.birthdate, number: bet.number)
    }

    /// Returns the collected bets as a chunk; the builder is then empty and keeps its memory.
    package mutating func takeChunk(sequence: UInt32, isLast: Bool) -> Chunk {
        var frame: [UInt8] = []
        frame.reserveCapacity(frameBytes)
        frame.append((isLast ? MessageType.sendLastChunk : .sendChunk).rawValue)
        frame.append(bigEndian: sequence)
        frame.append(bigEndian: UInt16(count))
        numbers.withUnsafeBytes { frame.append(contentsOf: $0) }
        birthdates.withUnsafeBytes { frame.append(contentsOf: $0) }
        for column in [
            firstNameLengths, lastNameLengths, documentLengths, firstNames, lastNames, documents,
        ] {
            frame.append(contentsOf: column)
        }
        let chunk = Chunk(isLast: isLast, sequence: sequence, count: count, frame: frame)
        removeAll()
        return chunk
    }

    private mutating func removeAll() {
        count = 0
        frameBytes = Limits.chunkOverheadBytes
        numbers.removeAll(keepingCapacity: true)
        birthdates.removeAll(keepingCapacity: true)
        firstNameLengths.removeAll(keepingCapacity: true)
        lastNameLengths.removeAll(keepingCapacity: true)
        documentLengths.removeAll(keepingCapacity: true)
        firstNames.removeAll(keepingCapacity: true)
        lastNames.removeAll(keepingCapacity: true)
        documents.removeAll(keepingCapacity: true)
    }
}
