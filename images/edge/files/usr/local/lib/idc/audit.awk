# One line of ModSecurity's audit log in, one line out: when, which request, from where, with which answer, by which
# rules. Named is what is kept: addresses, arguments and what matched may be somebody's data, and are in no field here.
# A quote inside a value is written \" there, so that no value can look like a field.

function field(name, pattern) {
    if (!match($0, "\"" name "\":" pattern))
        return ""
    return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
}

BEGIN {
    ORS = "" # mawk writes each word at once when it reads so: a line goes out as one word, or nginx's would get into it
}

{
    rules = ""
    rest = $0
    while (match(rest, /"ruleId":"[0-9]+"/)) {
        id = substr(rest, RSTART + 10, RLENGTH - 11)
        if (index("," rules ",", "," id ",") == 0)
            rules = rules (rules == "" ? "" : ",") id
        rest = substr(rest, RSTART + RLENGTH)
    }
    if (rules == "")
        next
    print "{\"time\":" field("time_stamp", "\"[A-Za-z0-9: ]+\"") \
        ",\"request_id\":" field("unique_id", "\"[0-9a-f]+\"") \
        ",\"client\":" field("client_ip", "\"[0-9a-fA-F.:]+\"") \
        ",\"status\":" field("http_code", "[0-9]+") ",\"rules\":[" rules "]}\n"
}
