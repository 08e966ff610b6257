package config

// defaults are Prefect's for the settings that matter here (1.4.1 config.toml).
const defaults = `
backend = "cloud"
home_dir = "~/.prefect"

[server]
host = "http://localhost"
port = 4200
endpoint = "${server.host}:${server.port}"

[cloud]
endpoint = "https://api.prefect.io"
api = "${${backend}.endpoint}"
graphql = "${cloud.api}/graphql"
request_timeout = 15
send_flow_run_logs = true
diagnostics = false

[cloud.agent]
name = "agent"
level = "INFO"

[cloud.rate_limiting]
backoff_s = 180
backoff_multiplier = 10
backoff_exponent = 2
max_retries = 6

[logging]
level = "INFO"
format = "[%(asctime)s] %(levelname)s - %(name)s | %(message)s"
datefmt = "%Y-%m-%d %H:%M:%S%z"
`
