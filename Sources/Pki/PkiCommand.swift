import ArgumentParser
import Domain
import Foundation
import Platform
import Shell
import SwiftASN1
import X509

@main
struct PkiCommand: ParsableCommand {
    static func main() { Program.main(Self.self) }

    static let configuration = CommandConfiguration(
        commandName: "bet-ingest pki", abstract: "Make the keys and certificates of a lottery, for TLS.",
        discussion: """
            All files are in one folder, for its owner only. Both sides trust root.pem. Certificates of services and \
            agencies are valid for 90 days; renew keeps their keys, so the roster does not change.

            EXAMPLES
              bet-ingest pki init                                 a root and an issuing authority
              bet-ingest pki service --name lottery.example --name 10.0.0.5
              bet-ingest pki agency 17                            prints the line for the roster
              bet-ingest pki sign agency-18.csr                   the agency keeps its key
              bet-ingest pki list                                 until when; exit code 1 within 14 days of an end
              bet-ingest pki renew                                every certificate with less than 30 days
            """,
        version: ProgramVersion.text,
        subcommands: [
            PkiInitCommand.self, PkiServiceCommand.self, PkiAgencyCommand.self, PkiSignCommand.self,
            PkiListCommand.self,
            PkiRenewCommand.self,
        ])
}

/// The options of all `pki` commands.
struct PkiOptions: ParsableArguments {
    @Option(help: "The folder of the keys and certificates.")
    var folder = "pki"

    var files: PkiFolder { PkiFolder(path: folder) }
}

/// The options of commands that make keys.
struct KeyOptions: ParsableArguments {
    @Option(help: "The new key: p256 or ed25519.")
    var algorithm: CertificateForm.Algorithm = .p256
}

extension CertificateForm.Algorithm: ExpressibleByArgument {}

struct PkiInitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make a root and an issuing authority, in a folder that has none.")

    @OptionGroup var options: PkiOptions
    @OptionGroup var keys: KeyOptions

    @Option(help: "The lottery, in the certificates' names.")
    var name = "Quiniela"

    func run() throws {
        try ProgramExit.run {
            let files = options.files
            try files.create()
            let (rootKey, issuingKey) = (keys.algorithm.makeKey(), keys.algorithm.makeKey())
            let now = Date()
            let root = try CertificateForm.make(
                .root, name: "\(name) root", publicKey: rootKey.publicKey, issuer: nil, selfKey: rootKey, now: now)
            let issuing = try CertificateForm.make(
                .issuing, name: "\(name) issuing", publicKey: issuingKey.publicKey,
                issuer: .init(certificate: root, key: rootKey), now: now)
            try files.write(rootKey, PkiFolder.root)
            try files.write(issuingKey, PkiFolder.issuing)
            try files.write(issuing, PkiFolder.issuing, issuer: nil)
            try files.write(root, PkiFolder.root, issuer: nil)
            try writeOutput(
                "\(files.certificatePath(PkiFolder.root)): what services and agencies trust\n"
                    + "\(files.keyPath(PkiFolder.root)): keep it elsewhere; only a new issuing authority needs it")
        }
    }
}

struct PkiServiceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "service", abstract: "Make key and certificate of the two services.")

    @OptionGroup var options: PkiOptions
    @OptionGroup var keys: KeyOptions

    @Option(help: "A host name or an address that agencies connect to. Repeatable.")
    var name: [String]

    @Option(help: "The name of the two files.")
    var output = "service"

    @Flag(help: "It is also a client of other services: a server or a node of a cluster.")
    var peer = false

    func run() throws {
        try ProgramExit.run {
            try PkiIssue(options.files).issue(
                .service(name, isPeer: peer), as: output, commonName: name[0], keys.algorithm)
            try writeOutput(
                "tls: { mode: required, certificate: \(options.files.certificatePath(output)), "
                    + "key: \(options.files.keyPath(output)), clientRoots: \(options.files.certificatePath(PkiFolder.root)) }"
            )
        }
    }

    /// Checks that there is a name.
    func validate() throws {
        if name.isEmpty {
            throw ValidationError("--name HOST is needed: agencies check that the certificate is for it")
        }
    }
}

struct PkiAgencyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agency", abstract: "Make key and certificate of an agency, and print its line for the roster.")

    @OptionGroup var options: PkiOptions
    @OptionGroup var keys: KeyOptions

    @Argument(help: "The agency's number.")
    var agency: UInt32

    func run() throws {
        try ProgramExit.run {
            let certificate = try PkiIssue(options.files).issue(
                .agency, as: "agency-\(agency)", commonName: "agency-\(agency)", keys.algorithm)
            try writeOutput(PkiIssue.rosterLine(agency, try CertificateForm.digest(of: certificate.publicKey)))
        }
    }
}

struct PkiSignCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign", abstract: "Sign an agency's request, so that its key never leaves it.",
        discussion: """
            The request's common name must be agency-N. With OpenSSL the agency makes one by
              openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=agency-18 \
            -keyout agency-18.key -out agency-18.csr
            """)

    @OptionGroup var options: PkiOptions

    @Argument(help: "The certificate signing request, in PEM.")
    var request: String

    func run() throws {
        try ProgramExit.run {
            let files = options.files
            let text = try files.text(request)
            guard let parsed = try? CertificateSigningRequest(pemEncoded: text) else {
                throw PkiError("\(request): a certificate signing request in PEM is expected")
            }
            guard parsed.publicKey.isValidSignature(parsed.signature, for: parsed) else {
                throw PkiError("\(request): its signature is not by its key")
            }
            let name = CertificateForm.commonName(of: parsed.subject) ?? ""
            guard let agency = PkiIssue.agency(named: name) else {
                throw PkiError("\(request): its common name is \"\(name)\"; agency-N is expected")
            }
            let certificate = try PkiIssue(files).issue(.agency, as: name, commonName: name, for: parsed.publicKey)
            try writeOutput(
                PkiIssue.rosterLine(agency, try CertificateForm.digest(of: certificate.publicKey))
                    + "\nsend it \(files.certificatePath(name)) and \(files.certificatePath(PkiFolder.root))")
        }
    }
}

struct PkiListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the certificates; exit code 1 if one ends within 14 days.")

    @OptionGroup var options: PkiOptions

    @Option(help: "text or json.")
    var output: OutputFormat = .text

    private struct Row: Encodable {
        var name: String
        var subject: String
        var until: Instant
        var days: Int
    }

    func run() throws {
        try ProgramExit.run {
            let rows = try options.files.all().map { name, certificate in
                Row(
                    name: name, subject: CertificateForm.commonName(of: certificate.subject) ?? "",
                    until: Instant(
                        milliseconds: UInt64(max(0, certificate.notValidAfter.timeIntervalSince1970)) * 1000),
                    days: PkiIssue.daysLeft(certificate))
            }
            if output == .json {
                try writeOutput(String(decoding: try JSONOutput.bytes(rows), as: UTF8.self))
            } else {
                var table = TextTable(["name", "subject", "until", "days"])
                for row in rows { table.append([row.name, row.subject, "\(row.until)", "\(row.days)"]) }
                try writeOutput(table.text)
            }
            if rows.contains(where: { $0.days < 14 }) { throw ExitCode(1) }
        }
    }
}

struct PkiRenewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew",
        abstract: "Make new certificates for the same keys; the services take theirs without a restart.",
        discussion: "Without names: every certificate of a service or an agency with less than 30 days.")

    @OptionGroup var options: PkiOptions

    @Argument(help: "Names of certificates, for example service or agency-17.")
    var names: [String] = []

    func run() throws {
        try ProgramExit.run {
            let files = options.files
            let authorities = [PkiFolder.root, PkiFolder.issuing]
            let all = try files.all().filter { !authorities.contains($0.name) }
            for name in names where !all.contains(where: { $0.name == name }) {
                throw PkiError("there is no certificate \(files.certificatePath(name)) of a service or an agency")
            }
            let due = all.filter { names.isEmpty ? PkiIssue.daysLeft($0.certificate) < 30 : names.contains($0.name) }
            for (name, certificate) in due {
                let hosts = try CertificateForm.names(of: certificate)
                let renewed = try PkiIssue(files).issue(
                    hosts.isEmpty ? .agency : .service(hosts, isPeer: CertificateForm.isPeer(certificate)), as: name,
                    commonName: CertificateForm.commonName(of: certificate.subject) ?? name, for: certificate.publicKey)
                try writeOutput("\(files.certificatePath(name)): \(PkiIssue.daysLeft(renewed)) days")
            }
            if due.isEmpty { try writeOutput("nothing to renew: every certificate has 30 days or more") }
        }
    }
}

/// Issues certificates into a folder.
struct PkiIssue {
    private let files: PkiFolder

    init(_ files: PkiFolder) { self.files = files }

    /// Makes a key and its certificate.
    @discardableResult
    func issue(
        _ kind: CertificateForm.Kind, as name: String, commonName: String, _ algorithm: CertificateForm.Algorithm
    ) throws -> Certificate {
        for file in [files.keyPath(name), files.certificatePath(name)] where files.exists(file) {
            throw PkiError("\(file) exists; bet-ingest pki renew \(name) makes a new certificate for its key")
        }
        let authority = try files.authority()
        let key = algorithm.makeKey()
        try files.write(key, name)
        return try issue(kind, as: name, commonName: commonName, for: key.publicKey, authority)
    }

    /// Makes a certificate for a key that exists.
    func issue(
        _ kind: CertificateForm.Kind, as name: String, commonName: String, for key: Certificate.PublicKey,
        _ authority: CertificateForm.Authority? = nil
    ) throws -> Certificate {
        let authority = try authority ?? files.authority()
        let certificate = try CertificateForm.make(
            kind, name: commonName, publicKey: key, issuer: authority, now: Date())
        try files.write(certificate, name, issuer: authority.certificate)
        return certificate
    }

    static func agency(named name: String) -> UInt32? {
        guard name.hasPrefix("agency-"), let number = UInt32(name.dropFirst(7)), name == "agency-\(number)",
            (1...Limits.maxAgencies).contains(number)
        else { return nil }
        return number
    }

    static func rosterLine(_ agency: UInt32, _ digest: some CustomStringConvertible) -> String {
        "{ id: \(agency), keys: [\"\(digest)\"] }"
    }

    static func daysLeft(_ certificate: Certificate) -> Int {
        Int((certificate.notValidAfter.timeIntervalSinceNow / 86_400).rounded(.down))
    }
}
