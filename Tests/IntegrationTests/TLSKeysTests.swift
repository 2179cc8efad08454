import Domain
import Foundation
import Glibc
import Platform
import TestKit
import Testing
import WireProtocol
import X509

@testable import Pki

/// The keys and certificates of services and agencies: replaced, ended, another authority's, readable by others.
struct TLSKeysTests {
    @Test("certificate and key replaced one after the other: the old pair serves until both are new")
    func replacedPair() throws {
        let tls = try TLSServices(agencies: [1])
        func served() throws -> String {
            let script = try ShellScript(
                "openssl s_client -connect \(tls.services.ingestAddress) </dev/null 2>/dev/null | openssl x509 -noout -serial",
                in: tls.folder)
            return script.output
        }
        let old = try served()
        try TLSServices.pki(["service", "--name", "localhost", "--output", "new"], tls.folder)
        let pki = tls.pki
        try FileManager.default.removeItem(atPath: pki.certificatePath("service"))
        try FileManager.default.moveItem(atPath: pki.certificatePath("new"), toPath: pki.certificatePath("service"))
        for program in [tls.services.ingest, tls.services.winners] {
            let line = try program.waitForLog("action: load_certificate | result: fail")
            #expect(
                line.contains("is not the key of") && line.contains("the certificate before it stays in use"), "\(line)"
            )
        }
        #expect(try served() == old)
        let status = try tls.services.command("status").output
        #expect(
            status.contains("TLS 1.3; the certificate ends at ") && status.contains("files are faulty"), "\(status)")
        try FileManager.default.removeItem(atPath: pki.keyPath("service"))
        try FileManager.default.moveItem(atPath: pki.keyPath("new"), toPath: pki.keyPath("service"))
        for program in [tls.services.ingest, tls.services.winners] {
            try program.waitForLog("action: load_certificate | result: success", count: 2)
        }
        let new = try served()
        #expect(new != old && new.hasPrefix("serial="), "\(new)")
        #expect(try tls.isWelcomed(1))
        // Renewed: the same key, a new certificate.
        try TLSServices.pki(["renew", "service"], tls.folder)
        try tls.services.ingest.waitForLog("action: load_certificate | result: success", count: 3)
        try tls.services.winners.waitForLog("action: load_certificate | result: success", count: 3)
        #expect(try ![old, new].contains(served()))
        try tls.services.stop()
    }

    @Test("make demo-tls shows a rejected client, an agency that is cut off and the draw, and ends its services")
    func demo() throws {
        let script = try ShellScript(
            "TMPDIR=$PWD \(Repository.root)/scripts/demo-tls", in: try TemporaryFolder(),
            environment: ["PROGRAMS": TestProgram.folder, "BETS": "300000"], seconds: 120)
        #expect(script.code == 0, "\(script.errors)")
        for text in [
            "error: TLS: it does not know the root of this side's certificate", "action: authorize | result: fail",
            "the service rejects this agency (notAuthorized)", "draw default takes no more bets",
            "agency 1: 1317 bets stored, 5 winning bets", "roster changed: 6 agencies: 0 added, 0 removed, 1 changed",
            "5 finished, 1 unfinished: 6",
        ] { #expect(script.output.contains(text), "\(text): \(script.output)") }
    }

    @Test("two roots at once: agencies of the old and the new authority enter")
    func twoRoots() throws {
        let tls = try TLSServices(agencies: [1])
        let other = try TemporaryFolder()
        try TLSServices.pki(["init"], other)
        try TLSServices.pki(["agency", "2"], other)
        let new = PkiFolder(path: other.path + "/pki")
        let digest = try CertificateForm.digest(of: new.certificate("agency-2").publicKey)
        for file in ["agency-2.pem", "agency-2.key"] {
            try FileManager.default.copyItem(atPath: "\(new.path)/\(file)", toPath: "\(tls.pki.path)/\(file)")
        }
        let lines = [try tls.line(1), "{ id: 2, keys: [\"\(digest)\"] }"]
        let roots = "\(tls.pki.certificatePath("root")),\(new.certificatePath("root"))"
        let guarded = try EntryTests.Guarded(
            lines,
            settings: [
                "tls.mode=required", "tls.certificate=\(tls.pki.certificatePath("service"))",
                "tls.key=\(tls.pki.keyPath("service"))", "tls.clientRoots=\(roots)",
            ])
        for agency in 1...2 {
            #expect(try tls.isWelcomed(agency, address: "\(guarded.services.ingestAddress)"))
        }
        try guarded.services.stop()
        try tls.services.stop()
    }

    @Test("an agency of a root that was removed meanwhile does not enter, not even with its old TLS session")
    func removedRoot() throws {
        let tls = try TLSServices(agencies: [1])
        let other = try TemporaryFolder()
        try TLSServices.pki(["init"], other)
        let mark = tls.folder.path + "/removed"
        let steps = [Message.hello(Hello(agency: AgencyID(1))), .chunk(Samples.chunk(agency: 1, sequence: 1))].map {
            TLSTests.hexadecimal($0.encoded)
        }
        let client = try tls.foreign("agency-1", steps + ["wait:\(mark)"], options: ["--resume"])
        try tls.services.ingest.waitForLog("action: apuesta_recibida")
        let roots = tls.pki.certificatePath("root")
        let new = PkiFolder(path: other.path + "/pki")
        try new.text(new.certificatePath("root")).write(toFile: roots, atomically: true, encoding: .utf8)
        try tls.services.ingest.waitForLog("action: load_certificate | result: success", count: 2)
        try "".write(toFile: mark, atomically: true, encoding: .utf8)
        _ = try client.waitForExit()
        let lines = client.standardOutput.split(separator: "\n").map(String.init)
        #expect(lines.count == 4 && lines[2] == "not resumed" && lines[3].hasPrefix("error:"), "\(lines)")
        try tls.services.stop()
    }

    @Test("a clock a year ahead: the service rejects agencies, an agency rejects the service, both say why")
    func clockAhead() throws {
        let tls = try TLSServices(agencies: [1])
        let ahead = "\(Int(Date().timeIntervalSince1970) + 365 * 86_400)"
        let file = tls.folder.path + "/a.csv"
        try "Ana,Luz,30904465,1999-03-17,1\n".write(toFile: file, atomically: true, encoding: .utf8)
        let keys = tls.pki
        func agency(_ environment: [String: String], _ address: String) throws -> TestProgram {
            let settings = [
                "agency.tls.roots=\(keys.certificatePath("root"))", "agency.tls.key=\(keys.keyPath("agency-1"))",
                "agency.tls.certificate=\(keys.certificatePath("agency-1"))", "ingest.address=\(address)",
                "retry.deadlineSeconds=1",
            ]
            let program = try TestProgram(
                "agency", ["--id", "1", "--file", file] + settings.flatMap { ["--set", $0] }, environment: environment,
                in: tls.folder.path)
            _ = try program.waitForExit()
            return program
        }
        let shim = ["LD_PRELOAD": TestProgram.faultShim, "FAULT_SHIM_CLOCK": ahead]
        let late = try agency(shim, "\(tls.services.ingestAddress)")
        #expect(try late.waitForExit() == 75)
        #expect(
            late.log.contains("TLS: its certificate has another root, has ended or is not valid yet"), "\(late.log)")
        #expect(late.log.contains("it ends soon; renew it"), "\(late.log)")
        let folder = try TemporaryFolder()
        let service = try TestProgram.start(
            .ingest, data: folder.path + "/d",
            settings: [
                "roster=\(tls.guarded.roster)", "tls.mode=required",
                "tls.certificate=\(keys.certificatePath("service"))",
                "tls.key=\(keys.keyPath("service"))", "tls.clientRoots=\(keys.certificatePath("root"))",
            ], environment: shim, in: folder.path)
        let rejected = try agency([:], "\(try service.waitForAddress())")
        #expect(try rejected.waitForExit() == 75)
        #expect(
            rejected.log.contains("TLS: it says that this side's certificate has ended or is not valid yet"),
            "\(rejected.log)")
        service.signal(SIGTERM)
        #expect(try service.waitForExit() == 0)
        try tls.services.stop()
    }

    @Test("an agency does not talk to a service with another root or another name, and says why")
    func wrongService() throws {
        let tls = try TLSServices(agencies: [1], names: ["lottery.example"])
        let other = try TemporaryFolder()
        try TLSServices.pki(["init"], other)
        let file = tls.folder.path + "/a.csv"
        try "Ana,Luz,30904465,1999-03-17,1\n".write(toFile: file, atomically: true, encoding: .utf8)
        func run(_ roots: String, _ address: String) throws -> String {
            let settings = [
                "agency.tls.roots=\(roots)", "ingest.address=\(address)", "retry.deadlineSeconds=1",
                "agency.tls.certificate=\(tls.pki.certificatePath("agency-1"))",
                "agency.tls.key=\(tls.pki.keyPath("agency-1"))",
            ]
            let program = try TestProgram(
                "agency", ["--id", "1", "--file", file] + settings.flatMap { ["--set", $0] }, in: tls.folder.path)
            #expect(try program.waitForExit() == 75)
            return program.log
        }
        let port = tls.services.ingestAddress.port
        let root = try run(other.path + "/pki/root.pem", "127.0.0.1:\(port)")
        #expect(root.contains("TLS: its certificate has another root"), "\(root)")
        let name = try run(tls.pki.certificatePath("root"), "127.0.0.1:\(port)")
        #expect(name.contains("TLS: its certificate is not for the name or address connected to"), "\(name)")
        let status = try tls.services.command("status").output
        #expect(status.contains("0 of 1 agencies finished, 0 bets"), "\(status)")
        try tls.services.stop()
    }

    @Test("with tls.mode required the port of a dialect opens on loopback only, and half a configuration is an error")
    func configuration() throws {
        let folder = try TemporaryFolder()
        func check(_ settings: [String]) throws -> (Int32, String) {
            let program = try TestProgram(
                "bet-ingest", ["--check"] + settings.flatMap { ["--set", $0] }, in: folder.path)
            return (try program.waitForExit(), program.log)
        }
        let files = ["tls.mode=required", "tls.certificate=a", "tls.key=b"]
        let open = try check(files + ["dialects.pipe=0.0.0.0:1"])
        #expect(open.0 == 78 && open.1.contains("a dialect cannot use TLS"), "\(open)")
        #expect(try check(files + ["dialects.pipe=127.0.0.1:1"]).0 == 0)
        let missing = try check(["tls.mode=required"])
        #expect(missing.0 == 78 && missing.1.contains("tls.certificate and tls.key"), "\(missing)")
        let half = try check(["agency.tls.certificate=a"])
        #expect(half.0 == 78 && half.1.contains("together or not at all"), "\(half)")
        let files2 = try TestProgram(
            "bet-ingest", ["--data", "d"] + files.flatMap { ["--set", $0] }, in: folder.path)
        #expect(try files2.waitForExit() == 78 && files2.log.contains("there is no file b"), "\(files2.log)")
    }

    @Test("a key that others can read is rejected, by services, agencies and pki, and the message says how to mend it")
    func openKey() throws {
        let folder = try TemporaryFolder()
        try TLSServices.pki(["init"], folder)
        try TLSServices.pki(["service", "--name", "localhost"], folder)
        try TLSServices.pki(["agency", "1"], folder)
        for name in ["service", "agency-1", "issuing"] {
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o640], ofItemAtPath: folder.path + "/pki/\(name).key")
        }
        try "Ana,Luz,30904465,1999-03-17,1\n".write(toFile: folder.path + "/a.csv", atomically: true, encoding: .utf8)
        let commands: [(String, [String], String)] = [
            (
                "bet-ingest",
                [
                    "--data", "d", "--set", "tls.mode=required", "--set", "tls.certificate=pki/service.pem", "--set",
                    "tls.key=pki/service.key",
                ],
                "service"
            ),
            (
                "agency",
                [
                    "--file", "a.csv", "--set", "agency.tls.roots=pki/root.pem", "--set",
                    "agency.tls.certificate=pki/agency-1.pem", "--set", "agency.tls.key=pki/agency-1.key",
                ],
                "agency-1"
            ),
            ("bet-ingest", ["pki", "agency", "2"], "issuing"),
        ]
        for (name, arguments, key) in commands {
            let program = try TestProgram(name, arguments, in: folder.path)
            #expect(try program.waitForExit() == 78)
            #expect(
                program.log.contains(
                    "pki/\(key).key has mode 0640: other users can read the key; chmod 0600 pki/\(key).key"),
                "\(program.log)")
        }
    }
}
