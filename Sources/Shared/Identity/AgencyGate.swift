package import Domain
private import Ledger
private import NIOConcurrencyHelpers
private import Platform
package import Shell
private import Storage
private import Synchronization
private import WireProtocol

/// Decides which peers may act for which agencies, by the roster in use, and follows its file.
///
/// Without a roster every peer may act for every agency.
///
/// Isolation: any thread; one thread calls ``reload()``.
package final class AgencyGate: Sendable {
    /// The permission of a peer to act for an agency, checked again after each change of the roster and each midnight.
    package struct Pass: Sendable {
        package let agency: AgencyID
        fileprivate let proof: Proof
        fileprivate var version: Int
        fileprivate var day: Birthdate
    }

    /// The reason that a peer may not enter; for the operator, never for the peer.
    package struct Denial: Error, Equatable, Sendable {
        package var reason: String

        package init(reason: String) { self.reason = reason }
    }

    /// A change of the roster's file.
    package enum Change: Equatable, Sendable {
        /// `sha256`: of the file, in hexadecimal.
        case replaced(RosterChange, sha256: String)
        /// The file is faulty: the roster before it stays in use.
        case faulty(String)
    }

    private struct State: Sendable {
        var roster: Roster
        var stamp: FileStamp?
        /// Why the file is not in use; nil if it is.
        var fault: String?
        var sha256: String
        /// When the file was last read whole, and when it was last found faulty; milliseconds since 1970.
        var readAt = SystemCall.unixMilliseconds()
        var faultyAt: UInt64?
    }

    private let path: String?
    private let state: NIOLockedValueBox<State?>
    private let version = Synchronization.Atomic(0)
    private let denials = NIOLockedValueBox(Denials())
    /// When certificates end, in seconds since 1970, by the text of their key's digest.
    private let certificateEnds = NIOLockedValueBox<[String: Int]>([:])
    private static let maxCertificates = 100_000

    /// A gate without a roster.
    package init() {
        path = nil
        state = NIOLockedValueBox(nil)
    }

    /// Reads a roster.
    ///
    /// - Throws: ``ConfigurationError`` with all faults of the file.
    package init(roster path: String) throws(ConfigurationError) {
        self.path = path
        let stamp = PosixDisk().stamp(path)
        let (roster, sha256) = try Self.read(path)
        state = NIOLockedValueBox(State(roster: roster, stamp: stamp, sha256: sha256))
    }

    /// A gate with a roster that never changes; for tests.
    package init(_ roster: Roster) {
        path = nil
        state = NIOLockedValueBox(State(roster: roster, sha256: ""))
    }

    /// Of the roster's file, in hexadecimal; nil without a roster.
    package var sha256: String? { state.withLockedValue { $0?.sha256 } }

    package var hasRoster: Bool { state.withLockedValue { $0 != nil } }

    /// The agencies of a draw that opens on a day; nil without a roster.
    package func expected(on today: Birthdate) -> DrawAgencies? {
        state.withLockedValue { $0?.roster.expected(on: today) }
    }

    /// Nil without a roster.
    package var status: RosterStatus? {
        state.withLockedValue { $0 }.map {
            RosterStatus(
                agencies: $0.roster.entries.count, fault: $0.fault, denials: denials.withLockedValue(\.total),
                readAt: Instant(milliseconds: $0.readAt), faultyAt: $0.faultyAt.map { Instant(milliseconds: $0) })
        }
    }

    /// Lets a peer enter for an agency.
    ///
    /// - Returns: nil without a roster.
    /// - Throws: ``Denial``.
    package func admit(_ agency: AgencyID, _ proof: Proof, on today: Birthdate) throws(Denial) -> Pass? {
        let version = version.load(ordering: .acquiring)
        guard let roster = state.withLockedValue({ $0?.roster }) else { return nil }
        if let reason = roster.fault(of: agency, proof, on: today) { throw denial(of: agency, proof.peer, reason) }
        return Pass(agency: agency, proof: proof, version: version, day: today)
    }

    /// Checks that a pass is still valid: one atomic load, unless the roster or the day has changed.
    ///
    /// - Throws: ``Denial``.
    package func check(_ pass: inout Pass?, on today: Birthdate) throws(Denial) {
        guard let known = pass else { return }
        if known.version == version.load(ordering: .acquiring), known.day == today { return }
        pass = try admit(known.agency, known.proof, on: today)
    }

    /// Lets a peer of a dialect do what names no agency: an END, or the question whether the draw is published.
    ///
    /// - Throws: ``Denial`` unless some agency may use the dialect from its address.
    package func admit(nameless peer: Peer, on today: Birthdate) throws(Denial) {
        guard let roster = state.withLockedValue({ $0?.roster }) else { return }
        guard roster.entries.values.contains(where: { roster.fault(of: $0.agency, Proof(peer), on: today) == nil })
        else {
            throw denial(of: nil, peer, "no agency may use the dialect \(peer.dialect ?? "") from this address")
        }
    }

    /// Counts a peer that did not complete a handshake.
    package func noteFailedHandshake(of peer: Peer, reason: String) {
        denials.withLockedValue { $0.add(nil, peer, reason: reason) }
    }

    /// Remembers the end of a certificate that a client root signed.
    package func noteCertificate(of key: SecretDigest, endsAt end: Int) {
        certificateEnds.withLockedValue { ends in
            if ends.count < Self.maxCertificates || ends[key.description] != nil { ends[key.description] = end }
        }
    }

    /// When the certificates end with which agencies of the roster entered since the start; the latest of each agency.
    package var endsOfCertificates: [AgencyID: Instant] {
        let ends = certificateEnds.withLockedValue { $0 }
        guard !ends.isEmpty, let roster = state.withLockedValue({ $0?.roster }) else { return [:] }
        return roster.entries.compactMapValues { entry in
            entry.keys.compactMap { ends[$0.description] }.max().map {
                Instant(milliseconds: UInt64(max(0, $0)) * 1000)
            }
        }
    }

    private func denial(of agency: AgencyID?, _ peer: Peer, _ reason: String) -> Denial {
        denials.withLockedValue { $0.add(agency, peer, reason: reason) }
        return Denial(reason: reason)
    }

    /// Whether there are denials, and the last event is at least ten seconds old.
    package var isDenialEventDue: Bool { denials.withLockedValue { $0.isEventDue(at: .now) } }

    /// Takes the denials for an event; nil without any.
    package func takeDenials() -> Denials.Summary? { denials.withLockedValue { $0.take(at: .now) } }

    /// Reads the roster's file again if it has changed; a faulty one changes nothing.
    ///
    /// Blocks.
    ///
    /// - Returns: what has changed; nil if nothing has.
    package func reload() -> Change? {
        guard let path else { return nil }
        let stamp = PosixDisk().stamp(path)
        guard stamp != state.withLockedValue({ $0?.stamp }) else { return nil }
        do throws(ConfigurationError) {
            let (roster, sha256) = try Self.read(path)
            let change = state.withLockedValue { state -> Change? in
                let faultyAt = state?.faultyAt
                defer { state = State(roster: roster, stamp: stamp, sha256: sha256, faultyAt: faultyAt) }
                guard let old = state, old.sha256 != sha256 || old.fault != nil else { return nil }
                return .replaced(RosterChange(from: old.roster, to: roster), sha256: sha256)
            }
            version.add(1, ordering: .releasing)
            return change
        } catch {
            return state.withLockedValue { state in
                state?.stamp = stamp
                state?.fault = "\(error)"
                state?.faultyAt = SystemCall.unixMilliseconds()
                return .faulty("\(error)")
            }
        }
    }

    /// Reads a roster's file; blocks.
    ///
    /// - Returns: the roster, and the SHA-256 of the file in hexadecimal.
    /// - Throws: ``ConfigurationError`` with all faults of the file.
    package static func read(_ path: String) throws(ConfigurationError) -> (roster: Roster, sha256: String) {
        if let mode = FileMode(of: path), mode.isWritableByOthers {
            throw ConfigurationError([
                "\(path) has mode \(mode): other users can change who may enter; chmod go-w \(path)"
            ])
        }
        let bytes: [UInt8]?
        do throws(DiskError) {
            bytes = try DurableFile.read(path, on: PosixDisk())
        } catch {
            throw ConfigurationError(["roster: \(error)"])
        }
        guard let bytes else { throw ConfigurationError(["roster: there is no file \(path)"]) }
        let roster = try RosterFile.read(path: path, text: String(decoding: bytes, as: UTF8.self))
        return (roster, hexadecimal(SHA256.hash(data: bytes)))
    }
}

/// The difference that a new roster makes.
package struct RosterChange: Equatable, Sendable, CustomStringConvertible {
    package private(set) var agencies: Int
    package private(set) var added = 0
    package private(set) var removed = 0
    package private(set) var changed = 0

    init(from old: Roster, to new: Roster) {
        agencies = new.entries.count
        added = new.entries.keys.count { old.entries[$0] == nil }
        removed = old.entries.keys.count { new.entries[$0] == nil }
        changed = new.entries.count { agency, entry in old.entries[agency].map { $0 != entry } ?? false }
    }

    package var description: String {
        "\(agencies) agencies: \(added) added, \(removed) removed, \(changed) changed"
    }
}
