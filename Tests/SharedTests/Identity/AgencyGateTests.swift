import Domain
import Foundation
import Identity
import Shell
import TestKit
import Testing
import WireProtocol

/// Tests of the gate: a roster that changes while peers are inside.
struct AgencyGateTests {
    private static func entry(_ id: Int, _ token: String, _ more: String = "") -> String {
        "  - { id: \(id), tokens: [\"\(SecretDigest(of: token.utf8))\"]\(more) }\n"
    }

    private let folder: TemporaryFolder
    private let path: String
    private let local = Peer(address: PeerAddress("127.0.0.1"))

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path + "/roster.yaml"
    }

    /// Replaces the roster as an editor does, so that its stamp changes.
    private func write(_ text: String) throws {
        try ("agencies:\n" + text).write(toFile: path + ".new", atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path + ".new")
        #expect(rename(path + ".new", path) == 0)
    }

    private func admit(_ gate: AgencyGate, _ hello: Hello, _ peer: Peer? = nil) -> Result<AgencyGate.Pass?, EntryFault>
    {
        Result { () throws(EntryFault) in try gate.admit(hello, from: peer ?? local, on: Samples.today) }
    }

    private func code(_ result: Result<AgencyGate.Pass?, EntryFault>) -> ErrorCode? {
        guard case .failure(.invalid(let code, _)) = result else { return nil }
        return code
    }

    @Test("without a roster everybody may enter, but a token cannot be checked")
    func open() throws {
        let gate = AgencyGate()
        #expect(!gate.hasRoster && gate.expected(on: Samples.today) == nil && gate.reload() == nil)
        #expect(try admit(gate, Hello(agency: AgencyID(9))).get() == nil)
        #expect(code(admit(gate, Hello(agency: AgencyID(9), token: "t"))) == .tokenNotAccepted)
        #expect(code(admit(gate, Hello(version: 9, agency: AgencyID(9)))) == .unsupportedVersion)
    }

    @Test("a token crosses no network, right or wrong")
    func privacy() throws {
        try write(Self.entry(1, "one"))
        let gate = try AgencyGate(roster: path)
        let remote = Peer(address: PeerAddress("10.0.0.1"))
        for token in ["one", "two"] {
            #expect(code(admit(gate, Hello(agency: AgencyID(1), token: token), remote)) == .tokenNotAccepted)
        }
        #expect(try admit(gate, Hello(agency: AgencyID(1), token: "one")).get() != nil)
    }

    @Test("a pass ends with the roster that gave it, at once; another agency's change does not end it")
    func revocation() throws {
        try write(Self.entry(1, "one") + Self.entry(2, "two"))
        let gate = try AgencyGate(roster: path)
        var pass = try admit(gate, Hello(agency: AgencyID(1), token: "one")).get()
        try write(Self.entry(1, "one") + Self.entry(2, "other") + Self.entry(3, "three"))
        guard case .replaced(let change, let sha256)? = gate.reload() else {
            Issue.record("the roster was not replaced")
            return
        }
        #expect("\(change)" == "3 agencies: 1 added, 0 removed, 1 changed" && sha256.count == 64)
        try gate.check(&pass, on: Samples.today)
        try write(Self.entry(1, "one", ", enabled: false"))
        try gate.check(&pass, on: Samples.today)  // not read yet
        #expect(gate.reload() != nil && gate.reload() == nil)
        #expect(throws: AgencyGate.Denial(reason: "it is disabled")) { try gate.check(&pass, on: Samples.today) }
    }

    @Test("a pass ends with the last day of its agency")
    func lastDay() throws {
        try write(Self.entry(1, "one", ", validTo: 2026-11-21"))
        let gate = try AgencyGate(roster: path)
        var pass = try admit(gate, Hello(agency: AgencyID(1), token: "one")).get()
        try gate.check(&pass, on: Samples.today)
        #expect(throws: AgencyGate.Denial(reason: "it was valid to 2026-11-21")) {
            try gate.check(&pass, on: Birthdate(packed: 20_261_122))
        }
    }

    @Test(
        "a faulty roster changes nothing and is reported once; a removed one too",
        arguments: ["agencies", "missing", "mode"])
    func faulty(_ kind: String) throws {
        try write(Self.entry(1, "one"))
        let gate = try AgencyGate(roster: path)
        switch kind {
        case "missing": try FileManager.default.removeItem(atPath: path)
        case "mode":
            try write(Self.entry(2, "two"))
            try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: path)
        default: try write("  - { id: x }\n")
        }
        guard case .faulty(let reason)? = gate.reload() else {
            Issue.record("the fault was not found")
            return
        }
        let expected = ["agencies": ":2: id is \"x\"", "missing": "there is no file", "mode": "mode 0666"]
        #expect(reason.contains(expected[kind] ?? "?"), "\(reason)")
        #expect(gate.status?.fault == reason && gate.status?.agencies == 1 && gate.reload() == nil)
        #expect(try admit(gate, Hello(agency: AgencyID(1), token: "one")).get() != nil)
        try write(Self.entry(2, "two"))
        #expect(gate.reload() != nil && gate.status?.fault == nil)
    }

    @Test("a service does not start with a faulty roster")
    func start() throws {
        #expect(throws: ConfigurationError(["roster: there is no file \(path)"])) { try AgencyGate(roster: path) }
    }
}
