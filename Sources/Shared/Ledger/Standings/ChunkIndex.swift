package import Domain

/// Where the records of each agency lie: what a repeated chunk is compared with.
///
/// 8 bytes a chunk.
package struct ChunkIndex: Sendable {
    private var offsets: [AgencyID: [Int]] = [:]

    package init() {}

    package mutating func append(_ offset: Int, agency: AgencyID) {
        offsets[agency, default: []].append(offset)
    }

    /// The byte of the ledger where the record begins.
    package func offset(agency: AgencyID, sequence: UInt32) -> Int? {
        guard let offsets = offsets[agency], (1...offsets.count).contains(Int(sequence)) else {
            return nil
        }
        return offsets[Int(sequence) - 1]
    }
}
