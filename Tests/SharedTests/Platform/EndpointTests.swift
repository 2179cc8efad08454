import Platform
import Testing

struct EndpointTests {
    @Test("host and port are read, IPv6 in brackets")
    func valid() {
        #expect(Endpoint("127.0.0.1:12345") == Endpoint(host: "127.0.0.1", port: 12_345))
        #expect(Endpoint("ingest:1") == Endpoint(host: "ingest", port: 1))
        #expect(Endpoint("[::1]:80") == Endpoint(host: "::1", port: 80))
        #expect(Endpoint("[::1]:80")?.description == "[::1]:80")
    }

    @Test(
        "anything else is rejected",
        arguments: ["", "host", ":1", "host:", "host:x", "host:65536", "host:-1", "::1:80", "a b:1"])
    func invalid(_ text: String) {
        #expect(Endpoint(text) == nil)
    }

    @Test("loopback is this machine's addresses, not names that look like them")
    func loopback() {
        for text in ["127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"] {
            #expect(Endpoint(text)?.isLoopback == true, "\(text)")
        }
        for text in ["127.0.0.1.example.org:1", "127.1:1", "127.0.0.256:1", "0.0.0.0:1", "127.x.y.z:1"] {
            #expect(Endpoint(text)?.isLoopback == false, "\(text)")
        }
    }
}
