import Glibc
import Testing

@testable import Platform
@testable import Shell

struct LineWriterTests {
    /// A pipe whose descriptors are closed with it.
    private final class Pipe: Sendable {
        let reading: Int32
        let writing: Int32

        init(isNonBlocking: Bool = false) throws {
            var ends: [Int32] = [-1, -1]
            try #require(pipe(&ends) == 0)
            (reading, writing) = (ends[0], ends[1])
            if isNonBlocking {
                var one: Int32 = 1
                try #require(ioctl(writing, UInt(FIONBIO), &one) == 0)
            }
        }

        deinit {
            close(reading)
            close(writing)
        }

        /// Reads until a line contains a text.
        func lines(until text: String) -> [String] {
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(reading, &buffer, buffer.count)
                guard count > 0 else { break }
                bytes += buffer[..<count]
                let tail = String(decoding: bytes.suffix(200), as: UTF8.self)
                if tail.hasSuffix("\n"), tail.contains(text) { break }
            }
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        }
    }

    private static let line = String(repeating: "x", count: 999) + "\n"
    /// More than 1 MiB plus the capacity of a pipe.
    private static let count = 3000

    @Test(
        "lines lost because of a stopped reader are all counted",
        arguments: [false, true])
    func lostLines(_ isNonBlocking: Bool) throws {
        let pipe = try Pipe(isNonBlocking: isNonBlocking)
        let writer = LineWriter(fd: pipe.writing) { "lost_lines: \($0)\n" }
        for _ in 0..<Self.count { writer.append(Self.line) }
        // The first byte that is read makes room again.
        let collected = Monitor<[String]?>(nil)
        let reader = NamedThread("reader") {
            let lines = pipe.lines(until: "end of test")
            collected.withLock { $0 = lines }
        }
        writer.flush(until: .now + .seconds(30))
        writer.append("end of test\n")
        reader.join()
        let lines = collected.withLock { $0 } ?? []
        let lost = lines.compactMap { $0.firstMatch(of: #/^lost_lines: (\d+)$/#).flatMap { Int($0.1) } }
        let written = lines.count { $0.count == 999 }
        #expect(written + lost.reduce(0, +) == Self.count, "\(written) written, \(lost) lost")
        #expect(lost.reduce(0, +) > 0)
    }

    @Test("at most 1 MiB of lines is queued, those being written included")
    func bound() throws {
        let pipe = try Pipe()
        let writer = LineWriter(fd: pipe.writing) { "lost_lines: \($0)\n" }
        for _ in 0..<Self.count { writer.append(Self.line) }
        writer.append(String(repeating: "y", count: LineWriter.maxWaitingBytes + 1) + "\n")
        let reader = NamedThread("reader") { _ = pipe.lines(until: "end of test") }
        writer.flush(until: .now + .seconds(30))
        writer.append("end of test\n")
        reader.join()
        #expect(writer.mostWaitingBytes <= LineWriter.maxWaitingBytes)
        #expect(writer.mostWaitingBytes > LineWriter.maxWaitingBytes - 2000)
    }

    @Test("lines that cannot be written are counted, and reported when writing works again")
    func failedWrites() throws {
        let pipe = try Pipe()
        let full = open("/dev/full", O_WRONLY)
        try #require(full >= 0)
        let fd = dup(full)
        defer {
            close(fd)
            close(full)
        }
        let writer = LineWriter(fd: fd) { "lost_lines: \($0)\n" }
        for _ in 0..<3 {
            writer.append("a\n")
            writer.flush(until: .now + .seconds(30))
        }
        #expect(dup2(pipe.writing, fd) == fd)
        writer.append("b\n")
        writer.flush(until: .now + .seconds(30))
        writer.append("end of test\n")
        #expect(pipe.lines(until: "end of test") == ["b", "lost_lines: 3", "end of test"])
    }
}
