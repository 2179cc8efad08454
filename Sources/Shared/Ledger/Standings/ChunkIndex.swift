package import Domain

/// The offsets of each agency's records, 8 bytes a chunk.
package struct ChunkIndex: Sendable {
    private var offsets: [AgencyID: [Int]] = [:]

    package init() {}

    package mutating func append(_ offset: Int, agency: AgencyID) {
        offsets[agency, default: []].append(offset)
    }

    /// Returns a record's offset; nil if it is not recorded.
    package func offset(agency: AgencyID, sequence: UInt32) -> Int? {
        guard let offsets = offsets[agency], (1...offsets.count).contains(Int(sequence)) else {
            return nil
        }
        return offsets[Int(sequence) - 1]
    }
}
