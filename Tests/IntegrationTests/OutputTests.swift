import Foundation
import TestKit
import Testing

/// Output of the programs: destinations, failed writes, and files that are not overwritten.
struct OutputTests {
    @Test(
        "a failed write of the output ends every command with exit code 70 and the reason",
        arguments: [
            "bet-ingest --help", "bet-ingest --version", "bet-ingest help export", "agency --help", "agency --version",
            "winners-service --help", "winners-service --version", "bet-ingest status --data d",
            "bet-ingest status --data nothing", "bet-ingest verify --data d", "bet-ingest export --data d",
            "bet-ingest export --data d -o -", "bet-ingest export --data d -o /dev/stdout", "agency dataset --bets 10",
            "bet-ingest status --check", "agency bet --check",
        ])
    func fullDisk(_ command: String) throws {
        let files = try Self.files.get()
        let full = try ShellScript(
            "\(command.replacing("--data d", with: "--data \(files.folder.path)/d")) >/dev/full", in: TemporaryFolder())
        #expect(full.code == 70 && full.errors.contains("No space left on device (ENOSPC)"), "\(full)")
        let closed = try ShellScript(
            "exec 3> >(:); wait $!; \(command.replacing("--data d", with: "--data \(files.folder.path)/d")) >&3",
            in: TemporaryFolder())
        #expect(closed.code == 70 && closed.errors.contains("Broken pipe (EPIPE)"), "\(closed)")
    }

    @Test("an agency whose outcome cannot be written ends with exit code 70 and the reason")
    func fullDiskOfAgency() throws {
        let ports = try DialectPorts(agencies: 1)
        let services = ports.services
        _ = try services.folder.write("bets.csv", Array("Ana,Paz,30904465,1999-03-17,7574\n".utf8))
        let variables = [
            "NOMBRE": "Ana", "APELLIDO": "Paz", "DOCUMENTO": "30904465", "NACIMIENTO": "1999-03-17", "NUMERO": "7574",
            "QUINIELA_INGEST_ADDRESS": "\(services.ingestAddress)",
            "QUINIELA_WINNERS_ADDRESS": "\(services.winnersAddress)",
        ]
        for command in [
            "agency bet --id 1", "agency --id 1 --file bets.csv", "agency winners --id 1",
            "agency doctor --yes --dialect echo --address \(ports["echo"])",
        ] {
            let full = try ShellScript("\(command) >/dev/full", in: services.folder, environment: variables)
            #expect(full.code == 70 && full.errors.contains("No space left on device (ENOSPC)"), "\(command): \(full)")
        }
        // The work itself was done.
        #expect(try services.exportedRows() == ["1,Ana,Paz,30904465,1999-03-17,7574"])
        try services.stop()
    }

    private static let files = Result { try DrawFiles() }

    @Test("a usage error ends with exit code 64, even if standard error cannot be written")
    func misuse() throws {
        let folder = try TemporaryFolder()
        let script = try ShellScript(
            "bet-ingest --nonsense; echo $?; bet-ingest --nonsense 2>/dev/full; echo $?", in: folder)
        #expect(script.output == "64\n64\n" && script.errors.contains("Unknown option '--nonsense'"), "\(script)")
    }

    @Test("an export can be written to a device, a pipe, another descriptor or standard output")
    func destinations() throws {
        let files = try DrawFiles()
        let script = try files.run(
            """
            set -e
            bet-ingest export --data d -o /dev/null
            bet-ingest export --data d -o /dev/stdout | wc -l
            bet-ingest export --data d -o - | wc -l
            bet-ingest export --data d -o >(wc -l >count); wait $!; cat count
            bet-ingest export --data d -o /dev/fd/3 3>three; wc -l <three
            mkfifo pipe; wc -l <pipe >count & bet-ingest export --data d -o pipe; wait $!; cat count
            [ ! -e - ]
            """)
        #expect(script.code == 0 && script.output == "120\n120\n120\n120\n120\n", "\(script)")
    }

    @Test("an exported file is complete, has mode 0600, and replaces another only with --force")
    func file() throws {
        let files = try DrawFiles()
        let script = try files.run(
            """
            umask 022
            bet-ingest export --data d -o bets.csv; echo $?; wc -l <bets.csv; stat -c %a bets.csv
            echo mine >bets.csv; bet-ingest export --data d -o bets.csv; echo $?; cat bets.csv
            ln -s bets.csv link.csv; bet-ingest export --data d -o link.csv --force; echo $?; wc -l <bets.csv
            bet-ingest export --data d -o d; echo $?; bet-ingest export --data d -o nowhere/bets.csv; echo $?
            ls -A | grep quiniela
            """)
        #expect(script.output == "0\n120\n600\n64\nmine\n0\n120\n70\n70\n", "\(script)")
        #expect(script.errors.contains("bets.csv exists; --force replaces it"))
        #expect(script.errors.contains("Is a directory (EISDIR)") && script.errors.contains("(ENOENT)"))
    }

    @Test("a failed export keeps the existing file and leaves no partial one")
    func failedExport() throws {
        let files = try DrawFiles()
        let script = try files.run(
            """
            echo mine >bets.csv
            (ulimit -f 1; bet-ingest export --data d -o bets.csv --force); echo $?
            (ulimit -f 1; bet-ingest export --data d -o new.csv); echo $?
            cat bets.csv; ls -A | grep -v script
            """)
        #expect(script.output == "70\n70\nmine\nbets.csv\nd\n", "\(script)")
        #expect(script.errors.contains("File too large (EFBIG)"), "\(script)")
    }

    @Test(
        "no command writes over a draw's files or into its folder, whatever path names them",
        arguments: [
            "-o d/draws/default/bets.ledger", "-o d/draws/default/bets.ledger --force", "-o link --force",
            "-o d/../d/draws/default/result.json --force", "-o d/draws/default/progress.json --force",
            "-o d/ingest.lock --force", "-o d/draws/default/new.csv", "-o d/draws/new.csv", "-o folder/new.csv",
            "-o hard --force", "-o /dev/stdout >>d/draws/default/bets.ledger", ">>d/draws/default/bets.ledger",
            "--draw other -o d/draws/default/result.json --force",
        ])
    func ledger(_ arguments: String) throws {
        let files = try DrawFiles(bets: 2)
        let before = try [files.ledger, files.result].map(files.bytes)
        let script = try files.run(
            """
            ln -s d/draws/default/bets.ledger link; ln d/draws/default/bets.ledger hard; ln -s d/draws/default folder
            cp -r d/draws/default d/draws/other
            bet-ingest export --data d \(arguments)
            """)
        #expect(script.code == 64, "\(script)")
        #expect(
            script.errors.contains("that is ") && script.errors.contains("which no command overwrites"), "\(script)")
        #expect(try [files.ledger, files.result].map(files.bytes) == before)
        #expect(try files.run("bet-ingest verify --data d").code == 0)
    }

    @Test("a ledger of another data folder is recognised by its bytes")
    func foreignLedger() throws {
        let files = try DrawFiles(bets: 2)
        let script = try files.run("cp d/draws/default/bets.ledger copy; bet-ingest export --data d -o copy --force")
        #expect(script.code == 64 && script.errors.contains("copy: that is the ledger of a draw"), "\(script)")
    }

    @Test("a dataset is not written into a draw's folder")
    func datasetInDraw() throws {
        let script = try ShellScript(
            "mkdir draw; echo >draw/bets.ledger; agency dataset --bets 50 --force --folder draw; echo $?; ls draw",
            in: TemporaryFolder())
        #expect(script.output == "64\nbets.ledger\n" && script.errors.contains("the folder of a draw"), "\(script)")
    }

    @Test("a dataset that would replace a file without --force writes nothing")
    func dataset() throws {
        let folder = try TemporaryFolder()
        let script = try ShellScript(
            """
            mkdir data; echo mine >data/agency-3.csv
            agency dataset --bets 50; echo $?; ls data; cat data/agency-3.csv
            agency dataset --bets 50 --force; echo $?; ls data | wc -l; cat data/agency-*.csv | wc -l
            """, in: folder)
        #expect(
            script.output == "64\nagency-3.csv\nmine\n50 bets of 5 agencies in data (seed 39)\n0\n6\n50\n", "\(script)")
        #expect(script.errors.contains("data/agency-3.csv exists; --force replaces it"))
    }

    @Test("the status of a draw that has not begun is an object too")
    func emptyStatus() throws {
        let outcome = try ShellScript(
            "bet-ingest status --output json --data d --set agencies=3", in: TemporaryFolder())
        #expect(
            outcome.output.hasPrefix(
                #"{"agencies":[],"bets":0,"clockSteps":0,"draw":"default","expectedAgencies":3,"#)
                && outcome.output.contains(#""source":"folder","state":"planned","#), "\(outcome)")
    }

    @Test("an export can be made safe for spreadsheets")
    func spreadsheet() throws {
        let files = try DrawFiles(bets: 1)
        #expect(try files.run("bet-ingest export --data d").output.contains("1,Ana,=1+1,"))
        #expect(try files.run("bet-ingest export --data d --spreadsheet-safe").output.contains("1,Ana,'=1+1,"))
    }
}
