import Crypto
import Ledger
import TestKit
import Testing
import WireProtocol

/// Our SHA-256 against FIPS 180-4 and swift-crypto's.
struct SHA256Tests {
    private static func digest(_ bytes: [UInt8], pieces: [Int], portable: Bool) -> [UInt8] {
        var hash = portable ? WireProtocol.SHA256(portable: ()) : WireProtocol.SHA256()
        var index = 0
        for piece in pieces where index < bytes.count {
            hash.update(data: Array(bytes[index..<min(index + piece, bytes.count)]))
            index += piece
        }
        if index < bytes.count { hash.update(data: Array(bytes[index...])) }
        return hash.finalize()
    }

    @Test(
        "the examples of FIPS 180-4",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ], [false, true])
    func examples(_ example: (text: String, digest: String), portable: Bool) {
        #expect(hexadecimal(Self.digest(Array(example.text.utf8), pieces: [], portable: portable)) == example.digest)
    }

    @Test("a million times the letter a", arguments: [false, true])
    func million(_ portable: Bool) {
        let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        #expect(
            hexadecimal(Self.digest(bytes, pieces: [], portable: portable))
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test("every length up to four blocks, and random pieces of longer ones, as swift-crypto has it")
    func lengths() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        for length in 0...260 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            let expected = Array(Crypto.SHA256.hash(data: bytes))
            for portable in [false, true] {
                #expect(
                    Self.digest(bytes, pieces: [], portable: portable) == expected, "length \(length), seed \(seed)")
            }
        }
        for _ in 0..<200 {
            let bytes = (0..<Int.random(in: 0...20_000, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let pieces = (0..<20).map { _ in Int.random(in: 0...2000, using: &random) }
            let expected = Array(Crypto.SHA256.hash(data: bytes))
            for portable in [false, true] {
                #expect(Self.digest(bytes, pieces: pieces, portable: portable) == expected, "seed \(seed)")
            }
        }
    }
}
