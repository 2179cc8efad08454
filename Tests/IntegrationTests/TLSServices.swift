import Crypto
import Domain
import Foundation
import TestKit
import WireProtocol
import X509

@testable import Pki

/// Real services with TLS and a roster of keys, made by the real `bet-ingest pki`.
struct TLSServices {
    let guarded: EntryTests.Guarded
    let folder: TemporaryFolder
    private static let client = Repository.root + "/Tests/Fixtures/foreign-tls.py"

    var services: Services { guarded.services }
    var pki: PkiFolder { PkiFolder(path: folder.path + "/pki") }

    /// - Parameters:
    ///   - agencies: those with a key; each gets `more` in the roster.
    ///   - names: those in the services' certificate.
    ///   - others: the roster's other lines.
    init(
        agencies: [Int], names: [String] = ["localhost", "127.0.0.1"], others: [String] = [], settings: [String] = []
    ) throws {
        folder = try TemporaryFolder()
        for arguments in [["init"], ["service"] + names.flatMap { ["--name", $0] }] {
            _ = try Self.pki(arguments, folder)
        }
        let lines = try agencies.map { [folder] in try Self.pki(["agency", "\($0)"], folder) }
        let files = folder.path + "/pki/"
        guarded = try EntryTests.Guarded(
            lines + others,
            settings: [
                "tls.mode=required", "tls.certificate=\(files)service.pem", "tls.key=\(files)service.key",
                "tls.clientRoots=\(files)root.pem", "tls.reloadSeconds=1",
            ] + settings)
    }

    /// Runs a `pki` command and returns its output.
    @discardableResult
    static func pki(_ arguments: [String], _ folder: TemporaryFolder) throws -> String {
        let program = try TestProgram("bet-ingest", ["pki"] + arguments, in: folder.path)
        guard try program.waitForExit() == 0 else { throw TestProgram.Failure.deadline("pki", log: program.log) }
        return program.standardOutput
    }

    /// The roster's line of an agency with a key.
    func line(_ agency: Int, _ more: String = "") throws -> String {
        let digest = try CertificateForm.digest(of: pki.certificate("agency-\(agency)").publicKey)
        return "{ id: \(agency), keys: [\"\(digest)\"]\(more) }"
    }

    /// Starts the foreign client.
    ///
    /// - Parameters:
    ///   - certificate: the name of its certificate and key in the folder; nil without.
    func foreign(
        _ certificate: String?, winners: Bool = false, address: String? = nil, _ steps: [String],
        options: [String] = []
    ) throws -> TestProgram {
        let address = address ?? "\(winners ? services.winnersAddress : services.ingestAddress)"
        let own = certificate.map { ["--cert", pki.certificatePath($0), "--key", pki.keyPath($0)] } ?? []
        return try TestProgram(
            "/usr/bin/env",
            ["python3", Self.client, address, "--ca", pki.certificatePath("root")] + own + options + steps,
            in: folder.path)
    }

    /// Runs the foreign client and returns the lines that it prints.
    func ask(
        _ certificate: String?, winners: Bool = false, address: String? = nil, _ steps: [String],
        options: [String] = []
    ) throws -> [String] {
        let program = try foreign(certificate, winners: winners, address: address, steps, options: options)
        _ = try program.waitForExit()
        return program.standardOutput.split(separator: "\n").map(String.init)
    }

    /// Whether a foreign client with an agency's key gets WELCOME.
    func isWelcomed(_ agency: Int, address: String? = nil) throws -> Bool {
        let hello = Message.hello(Hello(agency: AgencyID(UInt32(agency)))).encoded
        let lines = try ask("agency-\(agency)", address: address, [TLSTests.hexadecimal(hello)], options: ["--leave"])
        return try TLSTests.isWelcome(lines.first)
    }

    /// Writes a certificate for a new key, made at another time or by another authority.
    func write(_ name: String, at now: Date, by authority: CertificateForm.Authority? = nil) throws {
        let key = CertificateForm.Algorithm.p256.makeKey()
        let issuer = try authority ?? pki.authority()
        try pki.write(key, name)
        let certificate = try CertificateForm.make(
            .agency, name: name, publicKey: key.publicKey, issuer: issuer, now: now)
        try pki.write(certificate, name, issuer: issuer.certificate)
    }
}
