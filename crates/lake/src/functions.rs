//! SQL functions of our own: addresses shown, parsed and matched with networks; seconds of up-time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, FixedSizeBinaryBuilder, StringBuilder, UInt32Array};
use arrow::datatypes::{DataType, UInt16Type, UInt32Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit};

/// One function for the reference and the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Function {
    Ip,
    IpParse,
    Ip6Parse,
    InNetwork,
    SlotSecs,
}

/// Name, arguments and meaning of every function, for the reference.
pub const REFERENCE: [(&str, &str); 6] = [
    (
        "ip(address)",
        "an address as text: `src`, `dst`, `victim` (integers) or `src6`, `dst6`, `victim6` (16 bytes)",
    ),
    (
        "ip_parse(text)",
        "an IPv4 address as the integer that `src` holds; null when the text is none",
    ),
    (
        "ip6_parse(text)",
        "an IPv6 address as the 16 bytes that `src6` holds; null when the text is none",
    ),
    (
        "in_network(address, network)",
        "whether an address is in a network such as `192.0.2.0/24` or `2001:db8::/32`",
    ),
    (
        "slot_secs(slots)",
        "seconds of up-time that `up_slots` of table `sensors` stands for",
    ),
    (
        "count_addresses(address)",
        "how many distinct addresses there are, exact as `count(DISTINCT address)` and faster over many rows; not for many groups",
    ),
];

/// Makes the functions known to a session.
pub fn register(context: &SessionContext) {
    for function in [
        Function::Ip,
        Function::IpParse,
        Function::Ip6Parse,
        Function::InNetwork,
        Function::SlotSecs,
    ] {
        context.register_udf(ScalarUDF::from(Udf::new(function)));
    }
    crate::distinct::register(context);
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Udf {
    function: Function,
    signature: Signature,
}

impl Udf {
    fn new(function: Function) -> Udf {
        let arguments = if function == Function::InNetwork { 2 } else { 1 };
        Udf {
            function,
            signature: Signature::any(arguments, Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Udf {
    fn name(&self) -> &str {
        match self.function {
            Function::Ip => "ip",
            Function::IpParse => "ip_parse",
            Function::Ip6Parse => "ip6_parse",
            Function::InNetwork => "in_network",
            Function::SlotSecs => "slot_secs",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let first = arguments.first().unwrap_or(&DataType::Null);
        let text = matches!(first, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 | DataType::Null);
        let address = first.is_integer() || matches!(first, DataType::FixedSizeBinary(16) | DataType::Null);
        match self.function {
            Function::Ip if address => Ok(DataType::Utf8),
            Function::IpParse if text => Ok(DataType::UInt32),
            Function::Ip6Parse if text => Ok(DataType::FixedSizeBinary(16)),
            Function::InNetwork if address => Ok(DataType::Boolean),
            Function::SlotSecs if first.is_integer() => Ok(DataType::UInt32),
            Function::Ip | Function::IpParse | Function::Ip6Parse | Function::InNetwork | Function::SlotSecs => {
                plan_err!("{}() does not take {first}", self.name())
            }
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(first) = arrays.first() else {
            return plan_err!("{}() takes an argument", self.name());
        };
        let result: ArrayRef = match self.function {
            Function::Ip => show(first)?,
            Function::IpParse => {
                let texts = arrow::compute::cast(first, &DataType::Utf8)?;
                let parsed = texts
                    .as_string::<i32>()
                    .iter()
                    .map(|text| text?.trim().parse::<Ipv4Addr>().ok().map(u32::from));
                Arc::new(parsed.collect::<UInt32Array>())
            }
            Function::Ip6Parse => parse6(first)?,
            Function::InNetwork => match arrays.get(1) {
                Some(network) => in_network(first, network)?,
                None => return plan_err!("in_network() takes an address and a network"),
            },
            Function::SlotSecs => {
                let slots = arrow::compute::cast(first, &DataType::UInt16)?;
                let secs = slots
                    .as_primitive::<UInt16Type>()
                    .iter()
                    .map(|slots| slots.map(|slots| slots.count_ones() * 300));
                Arc::new(secs.collect::<UInt32Array>())
            }
        };
        if scalar {
            Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?))
        } else {
            Ok(ColumnarValue::Array(result))
        }
    }

    /// `in_network(src, '192.0.2.0/24')` becomes a range, so that files and row groups outside it are not read.
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        if self.function != Function::InNetwork {
            return Ok(ExprSimplifyResult::Original(args));
        }
        let [address, Expr::Literal(network, _)] = &args[..] else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let Some(Some(text)) = network.try_as_str() else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let Some(network) = Network::parse(text) else {
            return plan_err!("{text:?} is not a network such as 192.0.2.0/24");
        };
        if info.get_data_type(address)? != DataType::UInt32 {
            return Ok(ExprSimplifyResult::Original(args));
        }
        let Some((first, last)) = network.range4() else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        Ok(ExprSimplifyResult::Simplified(address.clone().between(lit(first), lit(last))))
    }
}

fn show(addresses: &ArrayRef) -> Result<ArrayRef> {
    let mut texts = StringBuilder::new();
    if let Some(addresses) = addresses.as_any().downcast_ref::<arrow::array::FixedSizeBinaryArray>() {
        for address in addresses {
            match address.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()) {
                Some(bytes) => texts.append_value(Ipv6Addr::from(bytes).to_string()),
                None => texts.append_null(),
            }
        }
    } else {
        let addresses = arrow::compute::cast(addresses, &DataType::UInt32)?;
        for address in addresses.as_primitive::<UInt32Type>() {
            match address {
                Some(address) => texts.append_value(Ipv4Addr::from(address).to_string()),
                None => texts.append_null(),
            }
        }
    }
    Ok(Arc::new(texts.finish()))
}

fn parse6(texts: &ArrayRef) -> Result<ArrayRef> {
    let texts = arrow::compute::cast(texts, &DataType::Utf8)?;
    let mut addresses = FixedSizeBinaryBuilder::new(16);
    for text in texts.as_string::<i32>() {
        match text.and_then(|text| text.trim().parse::<Ipv6Addr>().ok()) {
            Some(address) => addresses.append_value(address.octets())?,
            None => addresses.append_null(),
        }
    }
    Ok(Arc::new(addresses.finish()))
}

/// A network in address form: IPv4 ones are kept as IPv6-mapped so that one comparison serves both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    base: u128,
    prefix: u32,
    four: bool,
}

impl Network {
    fn parse(text: &str) -> Option<Network> {
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u32>().ok()?)),
            None => (text.trim(), None),
        };
        let (base, four) = match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(address) => (u128::from(u32::from(address)), true),
            IpAddr::V6(address) => (u128::from(address), false),
        };
        let width = if four { 32 } else { 128 };
        let prefix = prefix.unwrap_or(width);
        (prefix <= width).then_some(Network { base, prefix, four })
    }

    fn contains(self, address: u128, four: bool) -> bool {
        let width = if four { 32 } else { 128 };
        four == self.four && (self.prefix == 0 || (address ^ self.base) >> (width - self.prefix) == 0)
    }

    fn range4(self) -> Option<(u32, u32)> {
        let base = u32::try_from(self.base).ok().filter(|_| self.four)?;
        let host = if self.prefix == 0 {
            u32::MAX
        } else {
            (1u32 << (32 - self.prefix)).wrapping_sub(1)
        };
        let host = if self.prefix == 32 { 0 } else { host };
        Some((base & !host, base | host))
    }
}

fn in_network(addresses: &ArrayRef, networks: &ArrayRef) -> Result<ArrayRef> {
    let networks = arrow::compute::cast(networks, &DataType::Utf8)?;
    let networks = networks.as_string::<i32>();
    let mut last: Option<(String, Network)> = None;
    let mut answers = Vec::with_capacity(addresses.len());
    let wide = addresses.as_any().downcast_ref::<arrow::array::FixedSizeBinaryArray>().cloned();
    let narrow = if wide.is_none() {
        Some(arrow::compute::cast(addresses, &DataType::UInt32)?)
    } else {
        None
    };
    for row in 0..addresses.len() {
        if addresses.is_null(row) || networks.is_null(row) {
            answers.push(None);
            continue;
        }
        let text = networks.value(row);
        let network = match &last {
            Some((known, network)) if known == text => *network,
            Some(_) | None => {
                let Some(network) = Network::parse(text) else {
                    return exec_err!("{text:?} is not a network such as 192.0.2.0/24");
                };
                last = Some((text.to_owned(), network));
                network
            }
        };
        answers.push(Some(match (&wide, &narrow) {
            (Some(wide), _) => network.contains(<[u8; 16]>::try_from(wide.value(row)).map_or(0, u128::from_be_bytes), false),
            (None, Some(narrow)) => network.contains(u128::from(narrow.as_primitive::<UInt32Type>().value(row)), true),
            (None, None) => false,
        }));
    }
    Ok(Arc::new(BooleanArray::from(answers)))
}
