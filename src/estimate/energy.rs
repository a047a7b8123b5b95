//! Power while a device writes, and what a token takes of it.
//!
//! Invariant: a machine has a power only where its kind, unit and breadth of memory were measured; elsewhere there is no
//! figure. A warm device writes slower at the same power, so a token's energy is that of the speed it keeps. Absent on
//! purpose: the energy of a single run of a network, of which two rows by different methods are published.

use crate::{
    catalog::DeviceKind,
    machine::{Coef, Machine, Unit},
    units::{Figure, Joules, Quantity, Watts},
    variant::Runtime,
};

use super::{Estimate, law};

/// What writing takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Energy {
    /// While it writes.
    pub power: Figure<Watts>,
    /// One token.
    pub token: Figure<Joules>,
}

/// Power of a machine that writes on a unit; `None` where nobody measured its like.
#[must_use]
pub fn power(machine: &Machine, unit: Unit) -> Option<Figure<Watts>> {
    // A device of one's own is like none.
    machine.soc?;
    let is_mac = matches!(machine.kind, DeviceKind::Laptop | DeviceKind::Desktop);
    match unit {
        Unit::Ane | Unit::Gpu if machine.kind == DeviceKind::Phone => Some(Coef::PowerPhone.figure()),
        Unit::Ane if is_mac => Some(Coef::PowerMacAne.figure()),
        Unit::Gpu if is_mac && law::memory_family(machine) == "max" => Some(Coef::PowerMacGpuMax.figure()),
        Unit::Ane | Unit::Gpu | Unit::Cpu => None,
    }
}

impl Estimate {
    /// Power and energy of writing without a pause, where rows say what they are.
    #[must_use]
    pub fn energy(&self, machine: &Machine, runtime: Runtime) -> Option<Energy> {
        let first = self.decode.ok()?;
        let power = power(machine, self.writes_on(runtime)?)?;
        let speed = self.sustained(machine, runtime).unwrap_or(first);
        if speed.low.get() <= 0.0 {
            return None;
        }
        let token = Figure::range(
            Joules::of(power.value.get() / speed.value.get()),
            Joules::of(power.low.get() / speed.high.get()),
            Joules::of(power.high.get() / speed.low.get()),
            power.basis.min(speed.basis),
        );
        Some(Energy { power, token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{machine, scenario::DeviceRef};

    #[test]
    fn there_is_a_power_where_the_like_was_measured() {
        let check = |id: &str, unit, watts: Option<f64>| {
            let device = DeviceRef::Known { id: id.to_owned(), ram_gib: None };
            let machine = machine::resolve(&device, 26).unwrap();
            assert_eq!(power(&machine, unit).map(|power| power.value.get()), watts, "{id}");
        };
        check("iphone-17-pro", Unit::Ane, Some(4.6));
        check("iphone-17-pro", Unit::Gpu, Some(4.6));
        check("iphone-17-pro", Unit::Cpu, None);
        check("macbook-air-m4", Unit::Ane, Some(6.0));
        check("macbook-air-m4", Unit::Gpu, None);
    }
}
