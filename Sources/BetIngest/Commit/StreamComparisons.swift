import Domain
import Ledger
import ReplicatedLedger

/// Repeated chunks, which are compared with their records before they are answered.
///
/// For each agency one message is searched for at a time; it may have the records of several chunks.
///
/// Pure.
///
/// Isolation: the committer thread.
struct StreamComparisons {
    /// The chunks of a connection that repeat a sequence.
    private struct Comparison {
        var chunks: [(connection: UInt64, sequence: UInt32)] = []
        var search: RecordSearch
    }

    /// A step of the search for an agency's records.
    enum Step {
        /// The records that were found, with the connections that repeated them.
        case found([(connection: UInt64, record: AgencyMessage.Record)])
        /// `isFromStart`: an old message was read, or the record is lost.
        case readAgain(isFromStart: Bool)
        /// The message contradicts itself.
        case damaged(sequence: UInt64)
        /// Everything is compared.
        case none
    }

    private let draw: DrawID
    private var comparisons: [AgencyID: Comparison] = [:]

    init(_ draw: DrawID) { self.draw = draw }

    /// Adds a chunk.
    ///
    /// - Returns: whether a search begins.
    mutating func add(_ sequence: UInt32, of agency: AgencyID, _ connection: UInt64) -> Bool {
        let known = comparisons[agency]
        var comparison = known ?? Comparison(search: search(for: sequence, agency))
        comparison.chunks.append((connection, sequence))
        comparisons[agency] = comparison
        return known == nil
    }

    /// Forgets the chunks of an agency whose connections have ended.
    mutating func keep(_ agency: AgencyID, where isWaiting: (_ connection: UInt64, _ sequence: UInt32) -> Bool) {
        guard var comparison = comparisons[agency] else { return }
        comparison.chunks.removeAll { !isWaiting($0.connection, $0.sequence) }
        if let next = comparison.chunks.first { comparison.search = search(for: next.sequence, agency) }
        comparisons[agency] = comparison.chunks.isEmpty ? nil : comparison
    }

    private func search(for sequence: UInt32, _ agency: AgencyID) -> RecordSearch {
        RecordSearch(for: sequence, subject: EngineStream.subject(of: agency, in: draw))
    }

    /// The message to read next for an agency; nil if everything is compared.
    func position(_ agency: AgencyID) -> ReadPosition? { comparisons[agency]?.search.position }

    /// Takes the message at ``position(_:)``, or nil if it does not exist.
    mutating func take(_ stored: StoredMessage?, of agency: AgencyID) -> Step {
        guard var comparison = comparisons[agency] else { return .none }
        var records: [AgencyMessage.Record] = []
        var message: (sequence: UInt64, chunks: Range<UInt32>)?
        if let stored {
            guard let read = try? AgencyMessage(stored, in: draw), let checked = try? read.checked() else {
                return .damaged(sequence: stored.sequence)
            }
            records = checked.records
            message = (stored.sequence, read.before.nextSequence..<checked.after.nextSequence)
        }
        guard comparison.search.take(message) else {
            comparisons[agency] = comparison
            return .readAgain(isFromStart: comparison.search.isAtStart)
        }
        let found = records.flatMap { record in
            comparison.chunks.filter { $0.sequence == record.header.sequence }.map { ($0.connection, record) }
        }
        let sequences = Set(records.map(\.header.sequence))
        comparison.chunks.removeAll { sequences.contains($0.sequence) }
        if let next = comparison.chunks.first?.sequence {
            let subject = EngineStream.subject(of: agency, in: draw)
            comparison.search =
                if let message, next >= message.chunks.upperBound {
                    RecordSearch(for: next, subject: subject, after: message.sequence)
                } else {
                    RecordSearch(for: next, subject: subject)
                }
            comparisons[agency] = comparison
        } else {
            comparisons[agency] = nil
        }
        return .found(found)
    }
}
