import Foundation
import Ledger
import Platform
import Shell
import Storage
import SwiftASN1
import X509

/// The folder with the keys and certificates of a lottery, for its owner only.
///
/// `root.pem` is what both sides trust. `root.key` signs only `issuing.pem`: it may be kept elsewhere afterwards. A
/// certificate's file has the certificate of its issuer after it.
struct PkiFolder {
    let path: String

    static let root = "root"
    static let issuing = "issuing"

    func certificatePath(_ name: String) -> String { "\(path)/\(name).pem" }
    func keyPath(_ name: String) -> String { "\(path)/\(name).key" }

    /// - Throws: ``PkiError`` if the folder has a root already.
    func create() throws {
        if exists(certificatePath(Self.root)) {
            throw PkiError("\(certificatePath(Self.root)) exists; a second root needs another --folder")
        }
        try PosixDisk().makeFolder(path)
    }

    func exists(_ file: String) -> Bool { PosixDisk().stamp(file) != nil }

    /// The certificates of the folder, by name.
    func all() throws -> [(name: String, certificate: Certificate)] {
        try PosixDisk().names(in: path).filter { $0.hasSuffix(".pem") }.sorted().map { file in
            let name = String(file.dropLast(4))
            return (name, try certificate(name))
        }
    }

    /// The first certificate of a file.
    func certificate(_ name: String) throws -> Certificate {
        let path = certificatePath(name)
        do {
            let documents = try PEMDocument.parseMultiple(pemString: text(path))
            guard let first = documents.first else { throw PkiError("\(path) has no certificate") }
            return try Certificate(pemDocument: first)
        } catch let error as PkiError {
            throw error
        } catch {
            throw PkiError("\(path): a certificate in PEM is expected: \(error)")
        }
    }

    /// The authority that signs services and agencies.
    func authority(_ name: String = Self.issuing) throws -> CertificateForm.Authority {
        let key = keyPath(name)
        if let fault = FileMode(of: key)?.fault(of: key, with: "the key") { throw PkiError(fault) }
        let pem = try text(key)
        guard let parsed = try? Certificate.PrivateKey(pemEncoded: pem) else {
            throw PkiError("\(key): a private key in PEM is expected")
        }
        return CertificateForm.Authority(certificate: try certificate(name), key: parsed)
    }

    /// The text of a file.
    func text(_ file: String) throws -> String {
        guard let bytes = try DurableFile.read(file, on: PosixDisk()) else {
            let advice =
                exists(certificatePath(Self.root)) ? "" : "; bet-ingest pki init makes the folder's first files"
            throw PkiError("there is no file \(file)\(advice)")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Writes a new key; never over another one.
    func write(_ key: Certificate.PrivateKey, _ name: String) throws {
        try write(try key.serializeAsPEM().pemString + "\n", to: keyPath(name), force: false)
    }

    /// Writes a certificate and that of its issuer; replaces one of the same name at once or not at all.
    func write(_ certificate: Certificate, _ name: String, issuer: Certificate?) throws {
        let chain = [certificate] + (issuer.map { [$0] } ?? [])
        let text = try chain.map { try $0.serializeAsPEM().pemString + "\n" }.joined()
        try write(text, to: certificatePath(name), force: true)
    }

    private func write(_ text: String, to file: String, force: Bool) throws {
        let output = try OutputFile(file, force: force)
        try output.write(Array(text.utf8))
        try output.finish()
    }
}

/// An error of the keys and certificates.
struct PkiError: ProgramError, CustomStringConvertible {
    let description: String
    var exit: ProgramExit { .configuration }

    init(_ description: String) { self.description = description }
}
