import Domain
import Foundation
import Identity
import Shell
import TestKit
import Testing

/// Tests of the roster: what it may say, and whom it lets in.
struct RosterTests {
    private static let digest = "\(SecretDigest(of: "secret".utf8))"

    @Test("a digest is that of SHA-256, and only its text form is read")
    func digests() {
        // printf secret | sha256sum
        #expect(Self.digest == "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b")
        #expect(SecretDigest(Self.digest) == SecretDigest(of: "secret".utf8))
        #expect(SecretDigest(Self.digest.uppercased().replacing("SHA", with: "sha")) == SecretDigest(of: "secret".utf8))
        #expect(SecretDigest(of: "secreT".utf8) != SecretDigest(of: "secret".utf8))
        for text in [
            "", "sha256:", Self.digest + "0", String(Self.digest.dropLast()), Self.digest.replacing("2b", with: "zz"),
        ] {
            #expect(SecretDigest(text) == nil, "\(text)")
        }
    }

    @Test(
        "a range has the addresses with its prefix",
        arguments: [
            ("10.2.0.0/16", "10.2.255.1", true), ("10.2.0.0/16", "10.3.0.1", false), ("10.3.7.20", "10.3.7.20", true),
            ("10.3.7.20", "10.3.7.21", false), ("0.0.0.0/0", "9.9.9.9", true), ("0.0.0.0/0", "::2", false),
            ("10.2.0.0/17", "10.2.127.9", true), ("10.2.0.0/17", "10.2.128.9", false),
            ("2001:db8::/33", "2001:db8::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false), ("10.0.0.1", "::ffff:10.0.0.1", true), ("::1", "[::1]", true),
            ("fe80::1", "fe80::1%eth0", true),
        ])
    func ranges(_ range: String, _ address: String, _ isInside: Bool) throws {
        let range = try #require(AddressRange(range))
        #expect(range.contains(try #require(PeerAddress(address))) == isInside)
    }

    @Test(
        "other texts are no ranges",
        arguments: ["", "10.2.0.0/33", "10.2.0.1/16", "10.2/16", "host", "10.0.0.1/", "::1/129"])
    func noRanges(_ text: String) { #expect(AddressRange(text) == nil) }

    @Test("addresses of this machine are known", arguments: ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
    func loopback(_ text: String) throws {
        #expect(try #require(PeerAddress(text)).isLoopback)
        #expect(try !#require(PeerAddress("10.0.0.1")).isLoopback && !#require(PeerAddress("::2")).isLoopback)
    }

    private func faults(_ text: String) -> [String] {
        do throws(ConfigurationError) {
            _ = try RosterFile.read(path: "r", text: text)
            return []
        } catch {
            return error.faults
        }
    }

    @Test("every fault of a roster is reported with its line and what is expected")
    func faults() {
        let text = """
            agencies:
              - { id: 1, name: "Kiosco El Trébol", keys: ["\(Self.digest)"], validTo: 2027-03-31 }
              - { id: 1, tokens: ["\(Self.digest)"] }
              - { name: nameless }
              - { id: 0 }
              - { id: 3, tokens: [secret], adresses: ["10.0.0.0/8"] }
              - { id: 4, addresses: ["10.0.0.1/8"], dialects: [fax], enabled: perhaps, validTo: 2027-02-29 }
            """
        let faults = faults(text)
        let starts = [
            "r:3: agency 1 is in the roster twice; it is also in line 2", "r:4: id is missing",
            "r:5: id is \"0\"; a number from 1 to 1000000", "r:6: unknown key adresses", "r:7: enabled is \"perhaps\"",
            "r:7: a value of addresses is \"10.0.0.1/8\"", "r:7: a value of dialects is \"fax\"",
            "r:7: validTo is \"2027-02-29\"",
        ]
        for start in starts { #expect(faults.contains { $0.hasPrefix(start) }, "\(start)\n\(faults)") }
        #expect(self.faults("") == ["r: the file is empty"])
        #expect(self.faults("agencies: []").first?.hasPrefix("r:1: agencies must be a list with at least one") == true)
        #expect(self.faults("agencies: {").first?.hasPrefix("r: ") == true)
    }

    @Test("a draw has the agencies that are enabled and valid on the day it opens")
    func expected() throws {
        let text = """
            agencies:
              - { id: 1 }
              - { id: 2, enabled: false }
              - { id: 4, validTo: 2026-11-20 }
              - { id: 5, validFrom: 2026-11-21 }
              - { id: 6, validFrom: 2026-11-22 }
            """
        let roster = try RosterFile.read(path: "r", text: text)
        let agencies = roster.expected(on: Samples.today)
        #expect(agencies.count == 2 && agencies.last == 5)
        #expect([1, 2, 3, 4, 5, 6].filter { agencies.contains(AgencyID($0)) } == [1, 5])
        #expect(agencies.fault(of: AgencyID(2)) == "agency 2 is not one of the 2 agencies of this draw")
    }

    private static let roster = Roster([
        Roster.Entry(agency: AgencyID(1), tokens: [SecretDigest(of: "one".utf8), SecretDigest(of: "next".utf8)]),
        Roster.Entry(
            agency: AgencyID(2), keys: [SecretDigest(of: "key".utf8)],
            addresses: [AddressRange("10.2.0.0/16")].compactMap { $0 }),
        Roster.Entry(agency: AgencyID(3), addresses: [AddressRange("10.3.7.20")].compactMap { $0 }, dialects: ["pipe"]),
        Roster.Entry(agency: AgencyID(4), tokens: [SecretDigest(of: "four".utf8)], isEnabled: false),
        Roster.Entry(agency: AgencyID(5)),
        Roster.Entry(agency: AgencyID(6), dialects: ["pipe"]),
    ])

    private func fault(
        _ agency: UInt32, token: String = "", key: String? = nil, from address: String = "10.2.0.1",
        dialect: String? = nil
    ) -> String? {
        let peer = Peer(
            address: PeerAddress(address), dialect: dialect, key: key.map { SecretDigest(of: $0.utf8) })
        return Self.roster.fault(of: AgencyID(agency), Proof(peer, token: token), on: Samples.today)
    }

    @Test("a peer speaks for an agency with a token or key of its own, from its addresses, and on its dialects")
    func decisions() {
        #expect(fault(1, token: "one") == nil && fault(1, token: "next") == nil)
        #expect(
            fault(1) == "no key or token of the agency" && fault(1, token: "four") == "no key or token of the agency")
        #expect(fault(2, key: "key") == nil && fault(2, token: "key") == "no key or token of the agency")
        #expect(fault(2, key: "key", from: "10.3.0.1") == "the address is not one of the agency's")
        #expect(fault(3, from: "10.3.7.20", dialect: "pipe") == nil)
        #expect(fault(3, from: "10.3.7.21", dialect: "pipe") == "the address is not one of the agency's")
        #expect(fault(3, from: "10.3.7.20", dialect: "tlv") == "the agency may not use the dialect tlv")
        #expect(fault(3, from: "10.3.7.20") == "no key or token of the agency")
        #expect(fault(4, token: "four") == "it is disabled")
        #expect(fault(5) == "no key or token of the agency", "an agency without proofs lets nobody in")
        #expect(fault(6, dialect: "pipe") == "an agency of a dialect needs addresses in the roster")
        #expect(fault(9, token: "one") == "the roster has no agency 9")
    }
}
