package import Domain

/// The agencies that exist, with the proofs of each.
///
/// Pure.
///
/// Source: `roster.yaml`, read by ``RosterFile``.
package struct Roster: Sendable {
    package struct Entry: Equatable, Sendable {
        package var agency: AgencyID
        /// For people.
        package var name: String
        /// SHA-256 of public keys of client certificates.
        package var keys: [SecretDigest]
        package var tokens: [SecretDigest]
        /// The addresses that the agency connects from; empty: any.
        package var addresses: [AddressRange]
        /// The dialects whose ports it may use, from one of its addresses.
        package var dialects: Set<String>
        package var isEnabled: Bool
        /// UTC dates, both included; nil: without a limit.
        package var validFrom: Birthdate?
        package var validTo: Birthdate?

        package init(
            agency: AgencyID, name: String = "", keys: [SecretDigest] = [], tokens: [SecretDigest] = [],
            addresses: [AddressRange] = [], dialects: Set<String> = [], isEnabled: Bool = true,
            validFrom: Birthdate? = nil, validTo: Birthdate? = nil
        ) {
            self.agency = agency
            self.name = name
            self.keys = keys
            self.tokens = tokens
            self.addresses = addresses
            self.dialects = dialects
            self.isEnabled = isEnabled
            self.validFrom = validFrom
            self.validTo = validTo
        }

        /// Why the agency may not do anything on a day; nil if it may.
        package func fault(on today: Birthdate) -> String? {
            if !isEnabled { return "it is disabled" }
            if let validFrom, today < validFrom { return "it is valid from \(validFrom)" }
            if let validTo, today > validTo { return "it was valid to \(validTo)" }
            return nil
        }
    }

    package let entries: [AgencyID: Entry]

    package init(_ entries: [Entry]) {
        self.entries = Dictionary(entries.map { ($0.agency, $0) }) { first, _ in first }
    }

    /// The agencies of a draw that opens on a day.
    package func expected(on today: Birthdate) -> DrawAgencies {
        DrawAgencies(entries.values.filter { $0.fault(on: today) == nil }.map(\.agency))
    }

    /// Decides whether a peer may act for an agency.
    ///
    /// - Returns: the reason that it may not, for the operator and never for the peer; nil if it may.
    package func fault(of agency: AgencyID, _ proof: Proof, on today: Birthdate) -> String? {
        guard let entry = entries[agency] else { return "the roster has no agency \(agency)" }
        if let fault = entry.fault(on: today) { return fault }
        if !entry.addresses.isEmpty {
            guard let address = proof.peer.address, entry.addresses.contains(where: { $0.contains(address) }) else {
                return "the address is not one of the agency's"
            }
        }
        if let dialect = proof.peer.dialect {
            if !entry.dialects.contains(dialect) { return "the agency may not use the dialect \(dialect)" }
            return entry.addresses.isEmpty ? "an agency of a dialect needs addresses in the roster" : nil
        }
        // Every digest is compared, so that the time says nothing about which one is right.
        let tokens = entry.tokens.filter { $0 == proof.token }.count
        let keys = entry.keys.filter { $0 == proof.peer.key }.count
        return tokens + keys > 0 ? nil : "no key or token of the agency"
    }
}

/// The facts about a peer that it cannot claim itself.
package struct Peer: Sendable {
    /// Nil if the socket does not say.
    package var address: PeerAddress?
    /// The dialect of the port; nil for the native protocol.
    package var dialect: String?
    /// The public key of the client's certificate.
    package var key: SecretDigest?
    /// Whether the connection has TLS.
    package var isEncrypted: Bool

    package init(
        address: PeerAddress? = nil, dialect: String? = nil, key: SecretDigest? = nil, isEncrypted: Bool = false
    ) {
        self.address = address
        self.dialect = dialect
        self.key = key
        self.isEncrypted = isEncrypted
    }

    /// Whether nobody else reads what the peer sends.
    package var isPrivate: Bool { isEncrypted || address?.isLoopback == true }
}

/// A peer, and the token in its HELLO.
package struct Proof: Sendable {
    package var peer: Peer
    package var token: SecretDigest?

    package init(_ peer: Peer, token: String = "") {
        self.peer = peer
        self.token = token.isEmpty ? nil : SecretDigest(of: token.utf8)
    }
}
