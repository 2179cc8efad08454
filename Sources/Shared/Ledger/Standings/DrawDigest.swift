import Domain
import WireProtocol

/// The digest of all that a draw's agencies sent, by agency and sequence.
///
/// It does not depend on the order in which agencies were served, on times or on groups: the same chunks have the same
/// digest in a file and on a cluster.
///
/// Pure.
package struct DrawDigest: Sendable {
    /// The SHA-256 of each agency's chunks so far: of the one before, the kind and the payload.
    private var chains: [AgencyID: [UInt8]] = [:]

    package init() {}

    /// Adds the next chunk or rejection of an agency.
    package mutating func add(_ header: RecordHeader, payload: Span<UInt8>) {
        var hash = SHA256()
        hash.update(data: chains[header.agency] ?? [])
        hash.update(data: [header.kind.rawValue])
        payload.withUnsafeBytes { hash.update(bufferPointer: $0) }
        chains[header.agency] = hash.finalize()
    }

    /// SHA-256 of the agencies' digests by number, in hexadecimal.
    package var text: String {
        var hash = SHA256()
        for (agency, digest) in chains.sorted(by: { $0.key < $1.key }) {
            var bytes: [UInt8] = []
            bytes.append(bigEndian: agency.rawValue)
            hash.update(data: bytes + digest)
        }
        return hexadecimal(hash.finalize())
    }
}
